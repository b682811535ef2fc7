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
    records = [sharing.shared(each) for each in records]
    assert records == before
    assert [json.dumps(each) for each in records] == [json.dumps(each) for each in before]
    one, two, other, ace, last = records
    assert one["provenance"] is two["provenance"] is last["provenance"]
    assert one["identity"]["component"] is last["identity"]["component"]
    assert one["result"]["resolved"] is ace["result"]["resolved"]
    assert other["provenance"] is not one["provenance"]
    assert one["identity"] is not two["identity"]


def test_parts_that_are_all_different_are_only_so_many_that_are_compared():
    sharing = Sharing()
    for number in range(1000):
        sharing.shared({"provenance": {"number": number}})
    assert len(sharing._known["provenance"]) == 64


def test_what_is_no_dictionary_is_left_alone():
    odd = {"identity": None, "result": [1, True, 1.0, [0.0, -0.0, 1.0]], "provenance": "cpu"}
    text = json.dumps(odd)
    sharing = Sharing()
    for _ in range(2):  # 1, 1.0 and True are equal, and so are 0.0 and -0.0
        assert json.dumps(sharing.shared(json.loads(text))) == text


def test_numbers_and_texts_are_shared_up_to_a_limit(monkeypatch):
    monkeypatch.setattr("hsizoo.engine.sharing._MOST_LEAVES", 3)
    sharing = Sharing()
    text = json.dumps({"subject": "anna", "result": {"dice": [0.25, 0.5, 0.75, 0.875, 0.25]}})
    one, two = (sharing.shared(json.loads(text)) for _ in range(2))
    assert one == two == json.loads(text)
    assert one["subject"] is two["subject"]
    assert one["result"]["dice"][2] is two["result"]["dice"][2]
    assert len(sharing._numbers) == 3


def test_a_store_shares_what_its_records_have_in_common(tmp_path):
    with Store(tmp_path) as store:
        for seed in range(3):
            store.save(f"{seed}", record(seed))
        found = store.load_all(["0", "2", "none"])
    assert found["none"] is None
    assert found["0"]["provenance"] is found["2"]["provenance"]
    assert json.loads((store.cells / "2.json").read_text()) == found["2"]
