import errno
import gc
import json
import os
import re
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from hsizoo.engine.cells import Cell
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
        assert plain(store.load("abc")) == {"format": RECORD_FORMAT, **RECORD}
        assert files(store.folder) == ["cells/abc.json"]

    def test_outlive_the_store(self, tmp_path):
        with Store(tmp_path) as store:
            store.save("abc", RECORD)
        assert plain(Store(tmp_path).load("abc")) == {"format": RECORD_FORMAT, **RECORD}
        with Store(tmp_path) as store:
            assert plain(store.load("abc")) == {"format": RECORD_FORMAT, **RECORD}

    def test_a_later_record_replaces_an_earlier_one(self, store):
        store.save("abc", {"long": "x" * 1000})
        store.save("abc", {"n": 2})
        assert plain(store.load("abc")) == {"format": RECORD_FORMAT, "n": 2}

    def test_none_for_an_unknown_key(self, store):
        assert store.load("abc") is None

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
    def test_a_corrupt_record_is_computed_anew_with_a_warning(self, store, content):
        (store.cells / "abc.json").write_bytes(content)
        with pytest.warns(UserWarning, match=r"abc\.json .*recomputing this cell"):
            assert store.load("abc") is None
        store.save("abc", RECORD)
        assert store.load("abc") is not None

    def test_an_unreadable_record_is_computed_anew_with_a_warning(self, store):
        (store.cells / "abc.json").mkdir()
        with pytest.warns(UserWarning, match=r"abc\.json cannot be read"):
            assert store.load("abc") is None

    def test_many_are_loaded_as_one_is(self, store):
        for key in "abc":
            store.save(key, {**RECORD, "key": key})
        (store.cells / "c.json").write_text("{")
        with pytest.warns(UserWarning, match=r"c\.json is not JSON"):
            found = store.load_all(iter("abcd"))
        assert found == {"a": store.load("a"), "b": store.load("b"), "c": None, "d": None}
        assert gc.isenabled()

    @pytest.mark.parametrize(
        "record", [{"format": RECORD_FORMAT + 1}, {"format": "1"}, {}, [], "text", None, 1]
    )
    def test_a_record_of_another_format_is_computed_anew(self, store, record):
        (store.cells / "abc.json").write_text(json.dumps(record))
        assert store.load("abc") is None

    def test_nan_is_refused_and_the_old_record_stays(self, store):
        store.save("abc", RECORD)
        with pytest.raises(ValueError, match="JSON"):
            store.save("abc", {"dice": float("nan")})
        assert plain(store.load("abc")) == {"format": RECORD_FORMAT, **RECORD}


CELL = Cell({"scene": "a", "seed": 0}, {}, "a")
OTHER = Cell({"scene": "b", "seed": 0}, {}, "b")


def record_of(cell, dice=0.5):
    result = {"samples": [{"dice": [dice, 0.75], "name": "Gewürz"}]}
    return {"status": "done", "key": cell.key, "identity": dict(cell.identity), "result": result}


class TestDigest:
    @pytest.mark.parametrize("place", [0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
    def test_no_flipped_bit_gets_through(self, store, place):
        """Every bit of a byte: what is loaded is what was stored, or nothing."""
        store.save(CELL.key, record_of(CELL))
        path = store.cells / f"{CELL.key}.json"
        whole, right = path.read_bytes(), store.load(CELL.key)
        at = int(place * len(whole))
        for bit in range(8):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = store.load(CELL.key)
            if found is not None:  # only the name of the digest's entry may be lost
                found.popitem()
                assert found == {key: right[key] for key in found}

    def test_a_flipped_digit_is_computed_anew_with_a_warning(self, store):
        store.save(CELL.key, record_of(CELL))
        path = store.cells / f"{CELL.key}.json"
        path.write_text(path.read_text().replace("[0.5, 0.75]", "[0.9, 0.75]"))
        with pytest.warns(UserWarning, match=r"its digest does not fit.*recomputing this cell"):
            assert store.load(CELL.key) is None

    def test_a_file_that_another_program_wrote_anew_is_computed_anew(self, store):
        store.save(CELL.key, record_of(CELL))
        path = store.cells / f"{CELL.key}.json"
        path.write_text(json.dumps(json.loads(path.read_text()), indent=1))
        with pytest.warns(UserWarning, match="digest does not fit"):
            assert store.load(CELL.key) is None

    @pytest.mark.parametrize("old", [False, True])
    def test_the_record_of_another_cell_is_computed_anew(self, store, old):
        path = store.cells / f"{OTHER.key}.json"
        if old:
            about = {"format": RECORD_FORMAT, **record_of(CELL)}
            del about["key"]
            path.write_text(json.dumps(about))
        else:
            store.save(CELL.key, record_of(CELL))
            path.write_bytes((store.cells / f"{CELL.key}.json").read_bytes())
        with pytest.warns(UserWarning, match="is the record of another cell; recomputing"):
            assert store.load(OTHER.key) is None

    def test_a_record_of_an_earlier_version_has_no_digest_and_is_read(self, store):
        about = {"format": RECORD_FORMAT, **record_of(CELL)}
        (store.cells / f"{CELL.key}.json").write_text(json.dumps(about))
        assert store.load(CELL.key) == about

    def test_a_record_that_was_loaded_can_be_saved_again(self, store):
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
    """Whatever step fails: the old file is whole, nothing half-written remains, advice is given."""

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
    @pytest.mark.parametrize("step", ["os.fsync", "os.replace", "os.chmod", "tempfile.mkstemp"])
    def test_a_failing_write_leaves_the_old_file(self, store, monkeypatch, step, number):
        store.save("abc", RECORD)
        store.save("def", RECORD)
        with monkeypatch.context() as patch:
            patch.setattr(step, fails_with(number))
            with pytest.raises(StoreError) as caught:
                store.save("abc", {"status": "other"})
        assert files(store.folder) == ["cells/abc.json", "cells/def.json"]
        assert plain(store.load("abc")) == {"format": RECORD_FORMAT, **RECORD}
        message = str(caught.value)
        assert message.startswith(f"cannot write {store.cells / 'abc.json'}: {os.strerror(number)}")
        assert f"The 2 finished cell(s) in {store.folder} are intact" in message
        assert "run the same command again" in message
        assert "--out" in message
        store.save("abc", {"status": "other"})  # the run can go on when there is room again
        assert store.load("abc")["status"] == "other"

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    def test_a_disk_that_is_really_full(self, store, monkeypatch):
        store.save("abc", RECORD)
        fdopen = os.fdopen

        def full(descriptor, mode):
            os.close(descriptor)
            return fdopen(os.open("/dev/full", os.O_WRONLY), mode)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fdopen", full)
            with pytest.raises(StoreError, match="No space left on device"):
                store.save("abc", {"text": "x" * 100_000})
        assert files(store.folder) == ["cells/abc.json"]
        assert plain(store.load("abc")) == {"format": RECORD_FORMAT, **RECORD}

    def test_a_crash_in_the_middle_leaves_the_old_file(self, tmp_path):
        """A process that dies between writing and renaming; the next run tidies up."""
        with Store(tmp_path) as store:
            store.save("abc", RECORD)
        code = (
            "import os, sys\n"
            "from hsizoo.engine.store import Store\n"
            "os.replace = lambda *paths: os._exit(9)\n"
            "store = Store(sys.argv[1])\n"
            "store.save('abc', {'status': 'other'})\n"
        )
        assert subprocess.run([sys.executable, "-c", code, tmp_path], check=False).returncode == 9
        assert [name for name in files(tmp_path) if name.endswith(".part")]
        with Store(tmp_path) as store:
            assert files(tmp_path) == ["cells/abc.json"]
            assert plain(store.load("abc")) == {"format": RECORD_FORMAT, **RECORD}

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
            assert plain(store.load("abc")) == {"format": RECORD_FORMAT, "n": 1}


class TestALender:
    def test_its_records_are_taken_over_and_its_folder_is_left_alone(self, tmp_path):
        with Store(tmp_path / "old") as old:
            old.save("abc", RECORD)
            old.save("own", RECORD)
        before = files(tmp_path / "old")
        with Store(tmp_path / "new", tmp_path / "old") as new:
            new.save("own", {"n": 2})
            assert plain(new.load("abc")) == {"format": RECORD_FORMAT, **RECORD}
            assert plain(new.load("own")) == {"format": RECORD_FORMAT, "n": 2}
            assert new.load("none") is None
            new.save("abc", {"n": 3})
        assert files(tmp_path / "old") == before
        assert plain(Store(tmp_path / "old").load("abc")) == {"format": RECORD_FORMAT, **RECORD}
        assert plain(Store(tmp_path / "new").load("abc")) == {"format": RECORD_FORMAT, "n": 3}

    def test_what_was_taken_over_stays_when_the_lender_is_gone(self, tmp_path):
        with Store(tmp_path / "old") as old:
            old.save("abc", RECORD)
        with Store(tmp_path / "new", tmp_path / "old") as new:
            new.load("abc")
        (tmp_path / "old" / "cells" / "abc.json").unlink()
        assert plain(Store(tmp_path / "new").load("abc")) == {"format": RECORD_FORMAT, **RECORD}

    def test_without_links_a_record_is_read_where_it_is(self, tmp_path, monkeypatch):
        def refused(self, target):
            raise PermissionError(errno.EPERM, "no links here")

        with Store(tmp_path / "old") as old:
            old.save("abc", RECORD)
        monkeypatch.setattr(Path, "hardlink_to", refused)
        with Store(tmp_path / "new", tmp_path / "old") as new:
            assert plain(new.load("abc")) == {"format": RECORD_FORMAT, **RECORD}

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
