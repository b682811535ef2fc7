"""What cells need on another machine: an identity where it is there, else what is missing."""

import pickle

import hsizoo.zoo.registry
from hsizoo.runs.dependencies import Dependencies, weights_of
from hsizoo.weights.sent import SentWeights

SMALL = "phantom:height=32,width=32,bands=8,test_subjects=1,scenes_per_subject=1"


def job(component="sa", kind="segmenter", dataset=SMALL):
    return {"component": component, "kind": kind, "dataset": dataset, "seed": 0}


def test_every_component_and_dataset_once():
    needs = Dependencies.of([job(), job(), job("pcc"), job(dataset="indian-pines")])
    assert needs.components == (("sa", "segmenter"), ("pcc", "segmenter"))
    assert needs.datasets == (SMALL, "indian-pines")
    found = pickle.loads(pickle.dumps(needs))()
    assert [*found] == ["component sa", "component pcc", f"dataset {SMALL}", "dataset indian-pines"]
    assert found["component sa"] != found["component pcc"]
    assert not any("missing" in text for text in found.values())
    assert found == needs()


def test_other_weights_are_another_identity(put_weights):
    needs = Dependencies.of([job("tiny")])
    put_weights(3.0)
    before = needs()
    put_weights(4.0)
    assert needs() != before


def test_what_is_missing_is_said(zoo, monkeypatch, tmp_path):
    there = tmp_path / "cubes"
    needs = Dependencies.of(
        [job("tiny"), job("tiny:weights=nowhere"), job(dataset=f"{there}/"), job("sam2.1-tiny")]
    )
    monkeypatch.setenv("HSIZOO_NO_PLUGINS", "1")
    hsizoo.zoo.registry.reset()
    found = needs()
    assert "missing (no segmenter or scorer is named 'tiny'" in found["component tiny"]
    assert found["component tiny:weights=nowhere"].startswith("missing (")
    assert found["component sa"].endswith("(options and weights)")
    assert found[f"dataset {there}/"].startswith("missing (")
    assert found["component sam2.1-tiny"].startswith("missing (")  # offline, not downloaded


def test_weights_are_sent_under_the_names_that_jobs_have_for_them(put_weights):
    made = put_weights(3.0)
    path = str(made.path)
    named, within = f"tiny:weights={path}", f"ask:segmenter=[tiny:weights={path}]"
    jobs = [
        job(named),
        job(named),
        job(within, "pseudo-labeler"),
        job("tiny"),  # each machine looks for it, and the survey compares
        job("tiny:weights=none"),
        job("samsa2-nano:weights=packaged"),
        job("sa"),
    ]
    assert weights_of(jobs) == [SentWeights(path, made.digest)]
