"""Computing cells: with what their keys say, and with nothing of another run."""

import pickle
import sys

import pytest

import hsizoo
from hsizoo.engine.executors import LocalExecutor
from hsizoo.protocols.few_label.protocol import FewLabelProtocol
from hsizoo.protocols.interactive.protocol import InteractiveProtocol
from hsizoo.runs.bench import RunEvents
from hsizoo.runs.case import Case
from hsizoo.runs.plan import COMPONENTS_AT_A_TIME, plan
from hsizoo.runs.work import CellWork

TINY = (
    "phantom:height=32,width=32,bands=8,"
    "train_subjects=1,val_subjects=1,test_subjects=1,scenes_per_subject=1"
)
CLICKS, FEW_LABELS = InteractiveProtocol(clicks=1), FewLabelProtocol(shots=2)
ASKING = ["ask+even", "ask:segmenter=tiny+even", "ask:segmenter=[tiny:speed=2]+even"]


def planned(component, dataset=TINY, *, seeds=(0,), **about):
    protocol = CLICKS if component.startswith(("sa", "tiny")) else FEW_LABELS
    case = Case(component=component, dataset=dataset, protocol=protocol, seeds=seeds, **about)
    return plan([case])


def computed(work, cell, device="cpu"):
    return work({**cell.job, "device": device}, lambda done, total: None)


@pytest.mark.parametrize("component", ASKING)
def test_weights_that_are_published_after_planning_change_nothing(put_weights, component):
    put_weights(3.0)
    events = RunEvents(planned=lambda cells, reused: put_weights(5.0))
    result = hsizoo.bench(component, TINY, shots=2, seeds=3, out="run", device="cpu", events=events)
    assert not result.failures
    asked = sys.modules["asking_zoo"].ASKED
    assert asked == [3.0] * 3  # whether it was built before the first cell or for a later one
    again = hsizoo.bench(component, TINY, shots=2, seeds=3, out="run", device="cpu")
    assert asked == [3.0] * 3 + [5.0] * 3  # other weights, other cells
    keys = [{record["key"] for record in each.records} for each in (result, again)]
    assert not keys[0] & keys[1]


def test_a_worker_process_loads_the_weights_that_were_chosen(put_weights):
    put_weights(3.0)
    cells = planned("tiny") + planned(ASKING[1])
    put_weights(5.0)
    work = pickle.loads(pickle.dumps(CellWork()))
    for cell in cells:
        computed(work, cell)
    assert sys.modules["asking_zoo"].ASKED == [3.0]
    # A real one cannot import the fakes of this test, but `samsa2-nano` finds what comes with it.
    (cell,) = planned("samsa2-nano")
    assert "weights=" in cell.job["component"]
    (outcome, _) = LocalExecutor(2).run([cell, *planned("sa")], CellWork())
    assert outcome.error is None


@pytest.mark.parametrize("component", ["tiny", *ASKING])
def test_a_file_that_is_replaced_after_planning_fails_the_cell(put_weights, component):
    put_weights(3.0, folder="same")
    events = RunEvents(planned=lambda cells, reused: put_weights(5.0, folder="same"))
    result = hsizoo.bench(
        [component, "tiny-frozen" if component == "tiny" else "even"], TINY, seeds=2, out="run",
        device="cpu", events=events, **({"clicks": 1} if component == "tiny" else {"shots": 2}),
    )  # fmt: skip
    if component == "tiny":  # it was built, with the old file, before the first cell
        assert not result.failures
        return
    (failure,) = result.failures  # the first cell has what was built before
    message = f"the weights or the code of {component} changed after this run was planned; run the"
    assert failure["error"]["message"].startswith(message)
    assert sys.modules["asking_zoo"].ASKED == [3.0]


def test_what_learns_in_a_cell_is_built_anew_for_the_next(zoo):
    work = CellWork()
    cells = planned("drawn", seeds=range(3))
    work.build_each([cell.job for cell in cells], "cpu")
    built = sys.modules["asking_zoo"].Drawn
    assert built.built == 1
    maps = [computed(work, cell)["result"]["map"] for cell in cells]
    assert built.built == 3  # the first has what was built for the check
    assert maps[0] != maps[1] != maps[2] != maps[0]


def test_what_does_not_learn_is_built_once(zoo, monkeypatch):
    cells = planned("tiny-frozen", seeds=range(3))
    fake = sys.modules["tiny_zoo"].Frozen
    opened = []
    monkeypatch.setattr(
        fake, "open", lambda self, cube, real=fake.open: opened.append(self) or real(self, cube)
    )
    work = CellWork()
    work.build_each([cell.job for cell in cells], "cpu")
    for cell in cells:
        computed(work, cell)
    assert len(opened) == 3
    assert opened[0] is opened[1] is opened[2]


def test_only_so_many_components_are_held(zoo):
    work = CellWork()
    cells = [cell for beta in range(20) for cell in planned(f"sa-rw:beta={beta + 1}")]
    work.build_each([cell.job for cell in cells], "cpu")
    assert len(work._components) == COMPONENTS_AT_A_TIME


def test_a_pickled_work_is_empty():
    work = CellWork()
    (cell,) = planned("sa")
    computed(work, cell)
    assert all((work._components, work._protocols, work._datasets._built))
    assert not work._held.is_empty
    copy = pickle.loads(pickle.dumps(work))
    assert vars(copy).keys() == vars(work).keys()
    assert copy._held.is_empty
    assert not any((copy._components, copy._protocols))
    assert not any((copy._made_with, copy._datasets._built, copy._datasets._recipes))
    assert len(pickle.dumps(work)) < 200


@pytest.mark.parametrize("component", ["sa", "rf:trees=5"])
def test_files_that_change_between_two_calls_are_read_anew(put_cubes, tmp_path, component):
    options = {"clicks": 1} if component == "sa" else {"shots": 2, "seeds": 1}
    results = [
        hsizoo.bench(component, put_cubes(seed), out=tmp_path / "run", device="cpu", **options)
        for seed in (0, 1)
    ]
    one, two = (result.records[0] for result in results)
    assert one["key"] != two["key"]
    assert one["digests"]["cube"] != two["digests"]["cube"]


@pytest.mark.parametrize("component", ["tiny", "ask+even"])
def test_weights_that_are_published_between_two_calls_are_used(put_weights, component):
    options = {"clicks": 1} if component == "tiny" else {"shots": 2, "seeds": 1}
    records = []
    for total in (3.0, 5.0):
        put_weights(total)
        result = hsizoo.bench(component, TINY, out="run", device="cpu", **options)
        records += result.records
    assert records[0]["key"] != records[1]["key"]
    if component == "tiny":
        weights = [record["identity"]["component"]["weights"] for record in records]
        assert weights[0] != weights[1]
    else:
        assert sys.modules["asking_zoo"].ASKED == [3.0, 5.0]


def test_scenes_of_one_name_in_two_datasets_are_not_mixed_up():
    work = CellWork()
    cells = planned("sa") + planned("sa", TINY.replace("bands=8", "bands=9"))
    assert cells[0].job["scene"] == cells[1].job["scene"]
    one, other, again = (computed(work, cell)["digests"]["cube"] for cell in (*cells, cells[0]))
    assert one == again != other


def test_a_constructor_that_breaks_fails_its_row_only(fake_dist, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code = """
        import hsizoo

        @hsizoo.hookimpl
        def hsizoo_components():
            yield hsizoo.ComponentSpec(
                name="breaking", kind="scorer", target="hsizoo_breaking:Breaking", summary="a fake"
            )

        class Breaking(hsizoo.SpectralScorer):
            '''Breaks.

            Parameters
            ----------
            size : int, default 1
                Any.
            '''

            def __init__(self, *, size: int = 1):
                raise ValueError("size is wrong")

            def prepare(self, cube):
                return cube

            score = prepare
    """
    fake_dist("hsizoo-breaking", "1.0", {"hsizoo_breaking": code}, {"b": "hsizoo_breaking"})
    result = hsizoo.bench(["breaking:size=3", "sa"], TINY, clicks=1, device="cpu")
    (failure,) = result.failures
    assert failure["label"] == "breaking:size=3"
    assert failure["error"]["message"] == (
        "hsizoo-breaking/breaking cannot be built with size=3: ValueError: size is wrong"
    )
    assert "hsizoo_breaking.py" in failure["error"]["traceback"]
    assert result.table[1].failed_cells == 0
