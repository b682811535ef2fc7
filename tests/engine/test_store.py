import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import warnings
from io import FileIO
from pathlib import Path

import pytest

from hsizoo.engine import logs
from hsizoo.engine.cells import Cell
from hsizoo.engine.heads import Head
from hsizoo.engine.store import RECORD_FORMAT, Store
from hsizoo.errors import StoreError

RECORD = {"status": "done", "result": {"dice": [0.5, 1.0], "class": "Gewürz ∅"}}
BUSY = "another run is writing to"


def files(folder):
    """All files of a run folder but the lock, which may stay."""
    paths = (path.relative_to(folder).as_posix() for path in Path(folder).rglob("*"))
    return sorted(path for path in paths if path not in (".lock", "cells"))


def plain(record):
    """A record without the digest that the store adds."""
    assert re.fullmatch("[0-9a-f]{64}", record["digest"])
    return {key: value for key, value in record.items() if key != "digest"}


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "run") as store:
        yield store


class TestRecords:
    def test_round_trip(self, store):
        store.save("abc", RECORD)
        assert plain(store.load("abc")) == {"key": "abc", "format": RECORD_FORMAT, **RECORD}
        assert files(store.folder) == ["cells/records-0001.jsonl"]

    def test_outlive_the_store(self, tmp_path):
        with Store(tmp_path) as store:
            store.save("abc", RECORD)
        right = {"key": "abc", "format": RECORD_FORMAT, **RECORD}
        assert plain(Store(tmp_path).load("abc")) == right
        with Store(tmp_path) as store:
            assert plain(store.load("abc")) == right

    def test_a_later_record_replaces_an_earlier_one(self, store):
        store.save("abc", {"long": "x" * 1000})
        store.save("abc", {"n": 2})
        for place in (store, Store(store.folder)):
            assert place.load("abc")["n"] == 2
            assert place.stored() == ["abc"]

    def test_none_for_an_unknown_key(self, store):
        assert store.load("abc") is store.head("abc") is None
        assert "abc" not in store

    def test_numbers_come_back_to_the_last_bit(self, store):
        numbers = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, 2**80, -(2**70), 0, 1e22]
        store.save("abc", {"n": numbers})
        found = store.load("abc")["n"]
        assert list(map(repr, found)) == list(map(repr, numbers))

    def test_keys_and_texts_of_any_kind(self, store):
        for key in ("ü", 'a"b', "a\\b", "a\nb", "\u2028"):
            store.save(key, {"text": key})
            assert store.load(key)["text"] == key
            assert Store(store.folder).load(key)["text"] == key

    def test_a_head_is_the_record_without_its_result(self, store):
        about = {"finished": "2026", "subject": "s", "digests": {"cube": "x"}, "remarks": ["r"]}
        whole = {**RECORD, "identity": {"n": 1}, "provenance": {"git": None}, **about}
        store.save("abc", whole)
        head = store.head("abc")
        assert head == Head.of(store.load("abc"))
        assert (head.status, head.finished, head.subject) == ("done", "2026", "s")
        assert (head.digests, list(head.remarks)) == (about["digests"], about["remarks"])
        assert json.loads(head.identity) == {"n": 1}
        assert head.is_sealed
        assert not head.fault()

    def test_nan_is_refused_and_the_old_record_stays(self, store):
        store.save("abc", RECORD)
        with pytest.raises(ValueError, match="JSON"):
            store.save("abc", {"dice": float("nan")})
        assert store.load("abc")["result"] == RECORD["result"]

    def test_one_write_and_one_flush_of_each(self, store, monkeypatch):
        store.save("a", RECORD)
        flushed, real = [], os.fsync

        def noted(descriptor):
            flushed.append(os.fstat(descriptor).st_size)
            real(descriptor)

        monkeypatch.setattr(os, "fsync", noted)
        for key in "bcd":
            store.save(key, RECORD)
            # It is on the disk before the next one begins.
            assert flushed[-1] == log_of(store).stat().st_size
        assert len(flushed) == 3

    def test_a_full_file_is_followed_by_another(self, store, monkeypatch):
        monkeypatch.setattr(logs, "_FULL", 2500)
        for number in range(9):
            store.save(f"{number % 7}", {"n": number, "text": "x" * 900})
        assert len(files(store.folder)) == 3
        for place in (store, Store(store.folder)):
            assert [place.load(f"{n}")["n"] for n in range(7)] == [7, 8, 2, 3, 4, 5, 6]


def log_of(store):
    (path,) = store.cells.glob("records-*.jsonl")
    return path


class TestKilledWhileWriting:
    """A line that ends anywhere."""

    def test_at_every_byte(self, tmp_path):
        with Store(tmp_path) as store:
            store.save("a", {"n": 1})
            store.save("b", {"n": 1})
            whole = log_of(store).stat().st_size
            store.save("b", {"n": 2, "text": "Gewürz ∅"})
        path = log_of(store)
        content = path.read_bytes()
        for end in range(whole, len(content) + 1):
            path.write_bytes(content[:end])
            reader = Store(tmp_path)
            complete = end >= len(content) - 1  # but for the line feed, all is there
            assert [reader.load(key)["n"] for key in "ab"] == [1, 2 if complete else 1]
            with Store(tmp_path) as store:
                store.save("c", {"n": 3})
                found = [store.load(key)["n"] for key in "abc"]
            assert found == [1, 2 if complete else 1, 3]
            again = Store(tmp_path)
            assert [again.load(key)["n"] for key in "abc"] == found

    @pytest.mark.skipif(os.name != "posix", reason="kill -9")
    def test_by_a_signal(self, tmp_path):
        """What was saved before the process died is there, whatever it was doing then."""
        code = (
            "import sys\n"
            "from hsizoo.engine.store import Store\n"
            "with Store(sys.argv[1]) as store:\n"
            "    for number in range(100_000):\n"
            "        store.save(f'{number}', {'n': number, 'text': 'x' * 20_000})\n"
            "        print(number, flush=True)\n"
        )
        command = [sys.executable, "-c", code, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for _ in range(20):
                told = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            told = max([told, *(int(line) for line in process.stdout if line.endswith("\n"))])
        store = Store(tmp_path)
        assert [store.load(f"{number}")["n"] for number in range(told + 1)] == [*range(told + 1)]


class TestAReaderBeside:
    def test_sees_what_is_finished_while_another_writes(self, store):
        reader = Store(store.folder)
        assert reader.load("a") is None
        for key in "abc":
            store.save(key, RECORD)
            assert reader.load(key) is not None
        assert reader.stored() == ["a", "b", "c"]

    def test_does_not_take_half_a_line_for_a_record(self, store):
        store.save("a", {"n": 1})
        content = log_of(store).read_bytes()
        reader = Store(store.folder)
        for end in (len(content) // 2, len(content) - 1):
            log_of(store).write_bytes(content + content.replace(b'"a"', b'"b"')[:end])
            assert reader.load("b") is None
            assert reader.load("a")["n"] == 1
        log_of(store).write_bytes(content)  # the writer took it back, and went on
        Store(store.folder)
        with log_of(store).open("ab") as file:
            file.write(line("b", {"n": 2}))
        assert reader.load("b")["n"] == 2

    def test_a_folder_that_was_emptied_is_read_anew(self, store):
        store.save("a", RECORD)
        store.save("b", RECORD)
        reader = Store(store.folder)
        assert reader.stored() == ["a", "b"]
        log_of(store).write_bytes(line("c", RECORD))
        assert reader.load("c") is not None
        assert reader.stored() == ["c"]

    def test_takes_what_comes_in_parts_for_whole(self, store, monkeypatch):
        class Sparing(FileIO):
            def read(self, size):
                return super().read(min(size, 50))

        store.save("a", RECORD)
        monkeypatch.setattr(logs, "FileIO", Sparing)
        assert plain(Store(store.folder).load("a"))["result"] == RECORD["result"]

    def test_takes_no_record_for_that_of_another_cell(self, tmp_path):
        """A folder that was deleted and filled again has other cells at the same places."""
        for order in ("ab", "ba"):
            shutil.rmtree(tmp_path / "cells", ignore_errors=True)
            with Store(tmp_path) as store:
                for key in order:
                    store.save(key, {"of": key})
            if order == "ab":
                reader = Store(tmp_path)
                assert reader.stored() == ["a", "b"]
        for read in (reader.load, reader.head):
            with pytest.warns(UserWarning, match="the record of a is not there any more"):
                assert read("a") is None

    @pytest.mark.parametrize("step", ["pathlib.Path.iterdir", "os.scandir"])
    def test_a_folder_that_cannot_be_listed_is_not_an_empty_one(self, tmp_path, monkeypatch, step):
        with Store(tmp_path) as store:
            store.save("a", RECORD)
        with monkeypatch.context() as patch:
            patch.setattr(step, fails_with(errno.EIO))
            with pytest.raises(StoreError, match="cells cannot be read: Input/output error"):
                Store(tmp_path).load("a")
        assert Store(tmp_path).load("a") is not None


def line(key, record):
    return b"\n%b\n" % logs.seal(
        json.dumps({"key": key, "format": RECORD_FORMAT, **record}).encode()
    )


class TestSeveralFolders:
    """Records that were computed on two machines come together with cat."""

    def test_joined_with_cat(self, tmp_path):
        for name, keys in (("a", "xy"), ("b", "yz")):
            with Store(tmp_path / name) as store:
                for key in keys:
                    store.save(key, {"from": name})
        one, two = (log_of(Store(tmp_path / name)) for name in "ab")
        torn = one.read_bytes() + b'\n{"key": "torn", "form'
        one.write_bytes(torn + two.read_bytes())
        with Store(tmp_path / "a") as store:
            assert store.stored() == ["x", "y", "z"]
            assert [store.load(key)["from"] for key in "xyz"] == ["a", "b", "b"]

    def test_as_a_file_of_its_own(self, tmp_path):
        with Store(tmp_path) as store:
            store.save("x", {"n": 1})
        (store.cells / "records-0002.jsonl").write_bytes(line("x", {"n": 2}) + line("y", {"n": 2}))
        with Store(tmp_path) as store:
            assert [store.load(key)["n"] for key in "xy"] == [2, 2]
            store.save("x", {"n": 3})
        assert Store(tmp_path).load("x")["n"] == 3

    def test_a_line_that_is_deleted_is_a_cell_to_compute(self, tmp_path):
        with Store(tmp_path) as store:
            for key in "abc":
                store.save(key, RECORD)
        lines = log_of(store).read_bytes().splitlines(keepends=True)
        log_of(store).write_bytes(b"".join(each for each in lines if b'"b"' not in each))
        assert Store(tmp_path).stored() == ["a", "c"]
        shutil.rmtree(store.cells)
        assert Store(tmp_path).stored() == []
        with Store(tmp_path) as store:
            store.save("a", RECORD)
        assert Store(tmp_path).stored() == ["a"]

    def test_cells_that_are_removed_while_a_store_is_open(self, store):
        store.save("a", RECORD)
        shutil.rmtree(store.cells)
        store.save("b", RECORD)
        assert Store(store.folder).stored() == ["b"]


CELL = Cell({"scene": "a", "seed": 0}, {}, "a")
OTHER = Cell({"scene": "b", "seed": 0}, {}, "b")


def record_of(cell, dice=0.5):
    result = {"samples": [{"dice": [dice, 0.75], "name": "Gewürz"}]}
    return {"status": "done", "key": cell.key, "identity": dict(cell.identity), "result": result}


class TestDamage:
    def test_no_flipped_bit_gets_through_or_costs_another_cell(self, tmp_path):
        with Store(tmp_path) as store:
            for key in "abc":
                store.save(key, {"n": 0.5})
        path = log_of(store)
        content = path.read_bytes()
        right = {key: Store(tmp_path).load(key) for key in "abc"}
        for at in range(len(content)):
            for bit in range(8):
                flipped = bytes([content[at] ^ 1 << bit])
                path.write_bytes(content[:at] + flipped + content[at + 1 :])
                reader = Store(tmp_path)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    found = {key: reader.load(key) for key in "abc"}
                lost = [key for key, record in found.items() if record != right[key]]
                assert len(lost) <= 1
                assert all(found[key] is None for key in lost)

    def test_a_line_whose_key_is_damaged_is_passed_over(self, store, tmp_path):
        for key in "ab":
            store.save(key, RECORD)
        for damaged in (b"\xe1", b"\x01", b"\\x"):
            (tmp_path / "cells").mkdir(exist_ok=True)
            content = log_of(store).read_bytes().replace(b'"key": "a"', b'"key": "%b"' % damaged)
            (tmp_path / "cells" / log_of(store).name).write_bytes(content)
            assert Store(tmp_path).stored() == ["b"]

    def test_a_flipped_digit_is_computed_anew_with_a_warning(self, store):
        store.save(CELL.key, record_of(CELL))
        path = log_of(store)
        path.write_text(path.read_text().replace("[0.5, 0.75]", "[0.9, 0.75]"))
        for read in (store.load, store.head, Store(store.folder).load):
            with pytest.warns(UserWarning, match=r"its digest does not fit.*recomputing this cell"):
                assert read(CELL.key) is None

    def test_an_earlier_record_of_the_cell_takes_the_place_of_a_damaged_one(self, store):
        store.save("a", {"n": 1})
        store.save("a", {"n": 2})
        path = log_of(store)
        path.write_bytes(path.read_bytes().replace(b'"n": 2', b'"n": 9'))
        for place in (store, Store(store.folder)):
            with pytest.warns(UserWarning, match="its digest does not fit.*an earlier record"):
                assert place.load("a")["n"] == 1

    def test_a_record_under_the_key_of_another_is_none(self, store):
        store.save(CELL.key, record_of(CELL))
        path = log_of(store)
        path.write_bytes(path.read_bytes().replace(CELL.key.encode(), OTHER.key.encode()))
        with pytest.warns(UserWarning, match="digest does not fit"):
            assert Store(store.folder).load(OTHER.key) is None
        assert Store(store.folder).load(CELL.key) is None

    @pytest.mark.parametrize(
        "content",
        [
            b'{"format": 1}',
            b"[]",
            b"\0" * 100,
            b"\xff\xfe\n",
            b'{"key": 3}',
            b'{"key": "',
            b"\n" * 9,
        ],
    )
    def test_what_is_no_record_is_passed_over(self, store, content):
        log_of_new = store.cells / "records-0001.jsonl"
        log_of_new.write_bytes(content)
        for name in ("records.jsonl", "records-0002.jsonl.bak", "notes.txt"):
            (store.cells / name).write_bytes(line("x", RECORD))
        reader = Store(store.folder)
        assert reader.stored() == []
        with Store(store.folder.parent / "run2") as other:
            (other.cells / "records-0001.jsonl").write_bytes(content)
        with Store(other.folder) as other:
            other.save("a", RECORD)
            assert other.load("a") is not None
        assert Store(other.folder).load("a") is not None

    def test_a_sealed_line_that_is_no_json_is_computed_anew(self, store):
        log = store.cells / "records-0001.jsonl"
        log.write_bytes(b"\n%b\n" % logs.seal(b'{"key": "a", "format": 1e400}'))
        reader = Store(store.folder)
        for read in (reader.load, reader.head):
            with pytest.warns(UserWarning, match="the record of a is not JSON.*recomputing"):
                assert read("a") is None

    @pytest.mark.parametrize("form", [RECORD_FORMAT + 1, "1", None])
    def test_a_record_of_another_format_is_computed_anew(self, store, form):
        (store.cells / "records-0001.jsonl").write_bytes(line("a", {"format": form}))
        assert Store(store.folder).load("a") is Store(store.folder).head("a") is None


class TestEarlierVersions:
    """Records in files of their own."""

    def test_are_read_where_they_are(self, tmp_path, in_old_layout):
        with Store(tmp_path) as store:
            store.save(CELL.key, record_of(CELL))
            store.save(OTHER.key, record_of(OTHER, 0.25))
        before = {key: Store(tmp_path).load(key) for key in Store(tmp_path).stored()}
        paths = in_old_layout(tmp_path)
        contents = {path: path.read_bytes() for path in paths.values()}
        with Store(tmp_path) as store:
            for key in paths:
                found = store.load(key)
                assert found["result"] == before[key]["result"]
                assert store.head(key) == Head.of(found)
            assert sorted(store.stored()) == sorted(before)
            store.save(CELL.key, record_of(CELL, 0.125))
        assert {path: path.read_bytes() for path in contents} == contents
        found = Store(tmp_path).load(CELL.key)
        assert found["result"]["samples"][0]["dice"][0] == 0.125
        assert sorted(Store(tmp_path).stored()) == sorted(before)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b'{"format": 1, "resu',
            b"\xff\xfe",
            b"\0" * 50,
            b"[" * 10_000,
            b'{"format": 1, "n": 1e400}',
            b"7" * 5000,
        ],
    )
    def test_a_corrupt_file_is_computed_anew_with_a_warning(self, tmp_path, content):
        (tmp_path / "cells").mkdir()
        (tmp_path / "cells" / "abc.json").write_bytes(content)
        with Store(tmp_path) as store:
            with pytest.warns(UserWarning, match=r"abc\.json .*recomputing this cell"):
                assert store.load("abc") is None
            store.save("abc", RECORD)
            assert store.load("abc") is not None

    def test_an_unreadable_file_is_computed_anew_with_a_warning(self, tmp_path):
        (tmp_path / "cells" / "abc.json").mkdir(parents=True)
        with pytest.warns(UserWarning, match=r"abc\.json cannot be read"):
            assert Store(tmp_path).load("abc") is None

    @pytest.mark.parametrize(
        "record", [{"format": RECORD_FORMAT + 1}, {"format": "1"}, {}, [], "text", None, 1]
    )
    def test_a_file_of_another_format_is_computed_anew(self, tmp_path, record):
        (tmp_path / "cells").mkdir()
        (tmp_path / "cells" / "abc.json").write_text(json.dumps(record))
        assert Store(tmp_path).load("abc") is None

    def test_a_file_that_another_program_wrote_anew_is_computed_anew(self, tmp_path, in_old_layout):
        with Store(tmp_path) as store:
            store.save(CELL.key, record_of(CELL))
        path = in_old_layout(tmp_path)[CELL.key]
        path.write_text(json.dumps(json.loads(path.read_text()), indent=1))
        with pytest.warns(UserWarning, match="digest does not fit"):
            assert Store(tmp_path).load(CELL.key) is None

    @pytest.mark.parametrize("unsealed", [False, True])
    def test_the_record_of_another_cell_is_computed_anew(self, tmp_path, unsealed):
        about = {"format": RECORD_FORMAT, **record_of(CELL)}
        if unsealed:
            del about["key"]
        text = json.dumps(about).encode()
        (tmp_path / "cells").mkdir()
        path = tmp_path / "cells" / f"{OTHER.key}.json"
        path.write_bytes(text if unsealed else logs.seal(text))
        with pytest.warns(UserWarning, match="is the record of another cell; recomputing"):
            assert Store(tmp_path).load(OTHER.key) is None

    def test_a_record_of_the_first_versions_has_no_digest_and_is_read(self, tmp_path):
        about = {"format": RECORD_FORMAT, **record_of(CELL)}
        (tmp_path / "cells").mkdir()
        (tmp_path / "cells" / f"{CELL.key}.json").write_text(json.dumps(about))
        assert Store(tmp_path).load(CELL.key) == about
        assert not Store(tmp_path).head(CELL.key).is_sealed

    def test_a_record_that_was_loaded_can_be_saved_again(self, tmp_path):
        with Store(tmp_path) as store:
            store.save(CELL.key, record_of(CELL))
            first = store.load(CELL.key)
            store.save(CELL.key, first)
            assert store.load(CELL.key) == first


class TestWrite:
    def test_returns_the_path_and_replaces(self, store):
        assert store.write("table.csv", b"a,b\n1,2\n") == store.folder / "table.csv"
        store.write("table.csv", b"c\n")
        assert (store.folder / "table.csv").read_bytes() == b"c\n"

    @pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
    def test_files_have_the_usual_permissions(self, store, umask, mode):
        before = os.umask(umask)
        try:
            path = store.write("table.csv", b"x")
            assert os.umask(umask) == umask  # and the process's umask is as it was
        finally:
            os.umask(before)
        assert path.stat().st_mode & 0o777 == mode

    def test_is_on_the_disk_before_it_gets_its_name(self, store, monkeypatch):
        calls = []
        for name in ("fsync", "replace"):
            real = getattr(os, name)

            def noted(*arguments, name=name, real=real):
                calls.append(name)
                return real(*arguments)

            monkeypatch.setattr(os, name, noted)
        store.write("table.csv", b"x")
        # ... and the folder after it, or a power cut could take the new name back.
        assert calls == ["fsync", "replace", "fsync"]


def fails_with(number):
    def fail(*arguments, **keywords):
        raise OSError(number, os.strerror(number))

    return fail


class TestTrouble:
    """Whatever step fails: old files and records are whole, and advice is given."""

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
    @pytest.mark.parametrize("step", ["os.fsync", "os.replace", "os.chmod", "tempfile.mkstemp"])
    def test_a_failing_write_leaves_the_old_file(self, store, monkeypatch, step, number):
        store.write("table.csv", b"old")
        with monkeypatch.context() as patch:
            patch.setattr(step, fails_with(number))
            with pytest.raises(StoreError) as caught:
                store.write("table.csv", b"new")
        assert files(store.folder) == ["table.csv"]
        assert (store.folder / "table.csv").read_bytes() == b"old"
        path = store.folder / "table.csv"
        assert str(caught.value).startswith(f"cannot write {path}: {os.strerror(number)}")
        store.write("table.csv", b"new")

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
    @pytest.mark.parametrize("step", ["fsync", "write", "half"])
    def test_a_record_that_cannot_be_written_is_not_there(self, store, monkeypatch, step, number):
        store.save("abc", RECORD)
        store.save("def", RECORD)
        content = log_of(store).read_bytes()

        class Unlucky(FileIO):
            def write(self, data):
                if step == "half" and len(data) > 20:
                    return super().write(data[:20])
                raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            if step == "fsync":
                patch.setattr("os.fsync", fails_with(number))
            else:
                patch.setattr(logs, "FileIO", Unlucky)
                store._index.logs.stop_writing()
            with pytest.raises(StoreError) as caught:
                store.save("abc", {"status": "other"})
        assert log_of(store).read_bytes() == content
        message = str(caught.value)
        assert message.startswith(f"cannot write {store.cells}: {os.strerror(number)}")
        assert f"The 2 finished cell(s) in {store.folder} are intact" in message
        assert "run the same command again" in message
        assert "--out" in message
        for place in (store, Store(store.folder)):
            assert place.load("abc")["status"] == "done"
        store._index.logs.stop_writing()
        store.save("abc", {"status": "other"})  # the run can go on when there is room again
        assert Store(store.folder).load("abc")["status"] == "other"

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    def test_a_disk_that_is_really_full(self, store, monkeypatch):
        store.save("abc", RECORD)
        store._index.logs.stop_writing()
        with monkeypatch.context() as patch:
            patch.setattr(logs, "FileIO", lambda path, mode="r": FileIO("/dev/full", "w"))
            with pytest.raises(StoreError, match="No space left on device"):
                store.save("abc", {"text": "x" * 100_000})
        store._index.logs.stop_writing()
        assert Store(store.folder).load("abc")["status"] == "done"

    def test_a_crash_in_the_middle_leaves_the_old_file(self, tmp_path):
        """A process that dies between writing and renaming; the next run tidies up."""
        with Store(tmp_path) as store:
            store.write("table.csv", b"old")
        code = (
            "import os, sys\n"
            "from hsizoo.engine.store import Store\n"
            "os.replace = lambda *paths: os._exit(9)\n"
            "store = Store(sys.argv[1])\n"
            "store.write('table.csv', b'new')\n"
        )
        assert subprocess.run([sys.executable, "-c", code, tmp_path], check=False).returncode == 9
        assert [name for name in files(tmp_path) if name.endswith(".part")]
        with Store(tmp_path):
            assert files(tmp_path) == ["table.csv"]
        assert (tmp_path / "table.csv").read_bytes() == b"old"

    @pytest.mark.skipif(os.name != "posix", reason="folders cannot be flushed there")
    def test_new_folders_are_on_the_disk_too(self, tmp_path, monkeypatch):
        flushed = []
        flush = os.fsync
        monkeypatch.setattr(
            os, "fsync", lambda number: flushed.append(os.fstat(number).st_ino) or flush(number)
        )
        with Store(tmp_path / "runs" / "one"):
            pass
        assert {(tmp_path / each).stat().st_ino for each in (".", "runs", "runs/one")} <= {*flushed}

    def test_leftovers_go_and_other_files_stay(self, tmp_path):
        (tmp_path / "cells").mkdir()
        for name in (".x.json.1.part", "cells/.y.json.2.part", "notes.part", "cells/.z.json"):
            (tmp_path / name).write_text("")
        with Store(tmp_path):
            assert files(tmp_path) == ["cells/.z.json", "notes.part"]

    def test_a_leftover_that_cannot_be_removed_does_not_matter(self, tmp_path):
        (tmp_path / "cells" / ".x.part").mkdir(parents=True)
        with Store(tmp_path) as store:
            store.save("abc", RECORD)
            assert store.load("abc") is not None

    @pytest.mark.parametrize("below", ["", "deeper/down"])
    def test_a_file_where_the_folder_should_be(self, tmp_path, below):
        (tmp_path / "file").write_text("precious")
        folder = tmp_path / "file" / below
        with pytest.raises(StoreError, match=r"cannot use .*file.*--out"), Store(folder):
            pass
        assert (tmp_path / "file").read_text() == "precious"

    @pytest.mark.parametrize("step", ["pathlib.Path.mkdir", "os.open", "tempfile.mkstemp"])
    def test_a_read_only_folder_is_found_out_at_once(self, tmp_path, monkeypatch, step):
        unlucky = Store(tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(step, fails_with(errno.EROFS))
            with (
                pytest.raises(StoreError, match=rf"{tmp_path.name}.*Read-only file system.*--out"),
                unlucky,
            ):
                pass
        with Store(tmp_path):  # the lock was not kept
            pass


class TestLock:
    def test_the_second_run_is_turned_away(self, tmp_path):
        with Store(tmp_path) as store:
            store.save("abc", RECORD)
            with pytest.raises(StoreError, match=BUSY) as caught, Store(tmp_path):
                pass
            assert str(tmp_path) in str(caught.value)
            store.save("def", RECORD)  # the first is not disturbed
        with Store(tmp_path) as store:
            assert store.load("def") is not None

    def test_the_leftovers_of_a_run_that_goes_on_are_not_touched(self, tmp_path):
        with Store(tmp_path) as store:
            (store.cells / ".abc.json.1.part").write_text("being written")
            with pytest.raises(StoreError, match=BUSY), Store(tmp_path):
                pass
            assert (store.cells / ".abc.json.1.part").exists()

    def test_folders_are_locked_one_by_one(self, tmp_path):
        with Store(tmp_path / "a") as a, Store(tmp_path / "b") as b:
            a.save("abc", RECORD)
            assert b.load("abc") is None

    def test_is_freed_by_an_exception(self, tmp_path):
        with pytest.raises(ZeroDivisionError), Store(tmp_path):
            raise ZeroDivisionError
        with Store(tmp_path):
            pass

    def test_is_freed_when_its_process_is_killed(self, tmp_path):
        code = (
            "import sys\n"
            "from hsizoo.engine.store import Store\n"
            "with Store(sys.argv[1]) as store:\n"
            "    store.save('abc', {'n': 1})\n"
            "    print('held', flush=True)\n"
            "    sys.stdin.read()\n"  # for ever: nobody writes
        )
        command = [sys.executable, "-c", code, str(tmp_path)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stdout.readline() == "held\n"
                with pytest.raises(StoreError, match=BUSY), Store(tmp_path):
                    pass
            finally:
                process.send_signal(signal.SIGKILL)
        with Store(tmp_path) as store:
            assert plain(store.load("abc")) == {"key": "abc", "format": RECORD_FORMAT, "n": 1}


class TestALender:
    @pytest.fixture(params=["log", "files"])
    def old(self, request, tmp_path, in_old_layout):
        with Store(tmp_path / "old") as store:
            store.save("abc", RECORD)
            store.save("own", RECORD)
        if request.param == "files":
            in_old_layout(store.folder)
        return store.folder

    def test_its_records_are_taken_over_and_its_folder_is_left_alone(self, tmp_path, old):
        before = {path: path.read_bytes() for path in old.rglob("*") if path.is_file()}
        with Store(tmp_path / "new", old) as new:
            new.save("own", {"n": 2})
            assert new.load("abc")["result"] == RECORD["result"]
            assert new.head("abc").status == "done"
            assert new.load("own")["n"] == 2
            assert new.load("none") is None
            new.save("abc", {"n": 3})
        assert {path: path.read_bytes() for path in before} == before
        assert Store(old).load("abc")["result"] == RECORD["result"]
        assert Store(tmp_path / "new").load("abc")["n"] == 3

    def test_what_was_taken_over_stays_when_the_lender_is_gone(self, tmp_path, old, monkeypatch):
        with Store(tmp_path / "new", old) as new:
            assert new.head("abc") is not None
            flushed, real = [], os.fsync
            monkeypatch.setattr(os, "fsync", lambda number: (flushed.append(1), real(number)))
        assert flushed  # at the latest when the store is left
        shutil.rmtree(old)
        assert Store(tmp_path / "new").load("abc")["result"] == RECORD["result"]

    def test_where_it_cannot_be_copied_it_is_read_where_it_is(self, tmp_path, old, monkeypatch):
        with Store(tmp_path / "new", old) as new:
            monkeypatch.setattr(logs.RecordLogs, "append", fails_with(errno.ENOSPC))
            assert new.load("abc")["result"] == RECORD["result"]
        assert not list(new.cells.iterdir())

    def test_a_reader_copies_nothing(self, tmp_path, old):
        assert Store(tmp_path / "new", old).load("abc")["result"] == RECORD["result"]
        assert not (tmp_path / "new").exists()

    def test_a_lender_need_not_be_there(self, tmp_path):
        with Store(tmp_path / "new", tmp_path / "gone") as new:
            assert new.load("abc") is None
        assert not (tmp_path / "gone").exists()


class TestMoving:
    def test_files_go_where_they_are_told_and_others_stay(self, tmp_path):
        with Store(tmp_path) as store:
            for name in ("a.csv", "maps/b.png", "c.csv"):
                store.write(name, name.encode())
            store.move(["a.csv", "gone.csv", "maps/b.png"], "there/x")
        assert files(tmp_path) == [
            "c.csv", "maps", "there", "there/x", "there/x/a.csv", "there/x/maps",
            "there/x/maps/b.png",
        ]  # fmt: skip
        assert (tmp_path / "there/x/maps/b.png").read_bytes() == b"maps/b.png"

    def test_a_file_in_the_way_of_the_folder_is_told(self, tmp_path):
        with Store(tmp_path) as store:
            store.write("a.csv", b"a")
            store.write("there", b"a file")
            with pytest.raises(StoreError, match="cannot move"):
                store.move(["a.csv"], "there/x")
        assert (tmp_path / "a.csv").read_bytes() == b"a"
