import copy
import json

from hsizoo.engine.sharing import Sharing
from hsizoo.engine.store import Store


def record(seed, device="cpu", **component):
    return {
        "status": "done",
        "identity": {"component": {"name": "sa", **component}, "seed": seed},
        "provenance": {"device": device},
        "result": {"resolved": {"bands": [1, 2]}, "samples": [{"dice": [0.5]}]},
    }


def test_equal_parts_become_one_and_nothing_changes():
    records = [record(0), record(1), record(2, "cuda"), record(3, scorer="ace"), record(4)]
    before, sharing = copy.deepcopy(records), Sharing()
    for each in records:
        sharing.share(each)
    assert records == before
    one, two, other, ace, last = records
    assert one["provenance"] is two["provenance"] is last["provenance"]
    assert one["identity"]["component"] is last["identity"]["component"]
    assert one["result"]["resolved"] is ace["result"]["resolved"]
    assert other["provenance"] is not one["provenance"]
    assert one["identity"] is not two["identity"]


def test_parts_that_are_all_different_are_only_so_many_that_are_compared():
    sharing = Sharing()
    for number in range(1000):
        sharing.share({"provenance": {"number": number}})
    assert len(sharing._known["provenance"]) == 64


def test_what_is_no_dictionary_is_left_alone():
    odd = {"identity": None, "result": [1], "provenance": "cpu"}
    Sharing().share(odd)
    assert odd == {"identity": None, "result": [1], "provenance": "cpu"}


def test_a_store_shares_what_its_records_have_in_common(tmp_path):
    with Store(tmp_path) as store:
        for seed in range(3):
            store.save(f"{seed}", record(seed))
        found = store.load_all(["0", "2", "none"])
    assert found["none"] is None
    assert found["0"]["provenance"] is found["2"]["provenance"]
    assert json.loads((store.cells / "2.json").read_text()) == found["2"]
