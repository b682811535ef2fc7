"""Digests of files that are read once, and never believed after a change."""

import hashlib
import os
import shutil
import sqlite3
import sys
import threading
from pathlib import Path

import pytest

from hsizoo.engine import file_digests as module
from hsizoo.engine.file_digests import file_digests, signature
from hsizoo.errors import DataError


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def settled(monkeypatch):
    """As if all files had been written long ago."""
    monkeypatch.setattr(module, "_SETTLED", -(10**18))


@pytest.fixture
def reads(monkeypatch):
    """The files that were read."""
    found = []
    real = module._read
    monkeypatch.setattr(
        module, "_read", lambda path, add: found.append(path.name) or real(path, add)
    )
    return found


def put(folder, **contents):
    paths = []
    for name, content in contents.items():
        paths.append(folder / name)
        paths[-1].write_bytes(content)
    return paths


def sha(content):
    return hashlib.sha256(content).hexdigest()


@pytest.mark.usefixtures("home", "settled")
@pytest.mark.skipif(sys.platform != "linux", reason="names of files are UTF-8 there")
def test_names_that_are_no_utf_8(tmp_path, reads):
    folder = tmp_path / os.fsdecode(b"gr\xfcn")
    folder.mkdir()
    paths = put(folder, a=b"1")
    for _ in range(2):
        assert file_digests(paths) == [sha(b"1")]
    assert reads == ["a"]


@pytest.mark.usefixtures("home", "settled")
def test_a_file_is_read_once(tmp_path, reads):
    paths = put(tmp_path, a=b"1", b=b"2" * 10**6, c=b"")
    for _ in range(2):
        assert file_digests([*paths, paths[0]]) == [sha(p.read_bytes()) for p in [*paths, paths[0]]]
    assert reads == ["a", "b", "c"]
    assert file_digests([]) == []


def write_in_place(path, content):
    with path.open("r+b") as file:
        file.write(content)


def put_another(path, content):
    other = path.with_name("other")
    other.write_bytes(content)
    other.replace(path)


@pytest.mark.usefixtures("home", "settled")
@pytest.mark.parametrize("write", [Path.write_bytes, write_in_place, put_another])
def test_another_content_of_equal_size_and_time_is_noticed(tmp_path, write):
    (path,) = put(tmp_path, a=b"old")
    os.utime(path, ns=(0, 0))
    file_digests([path])
    write(path, b"new")
    os.utime(path, ns=(0, 0))
    assert path.stat().st_mtime_ns == 0
    assert file_digests([path]) == [sha(b"new")]


@pytest.mark.usefixtures("home", "settled")
def test_a_copy_or_a_touched_file_is_read_again_and_is_the_same(tmp_path, reads):
    (path,) = put(tmp_path, a=b"1")
    before = file_digests([path])
    os.utime(path)
    copied = Path(shutil.copy2(path, tmp_path / "copy"))
    assert file_digests([path, copied]) == before * 2
    assert reads == ["a", "a", "copy"]


@pytest.mark.usefixtures("home")
def test_a_file_that_was_just_written_is_not_trusted_to_stay(tmp_path, reads):
    """Two writes within one tick of the file system's clock would have one signature."""
    (path,) = put(tmp_path, a=b"1")
    file_digests([path])
    file_digests([path])
    assert reads == ["a", "a"]


@pytest.mark.usefixtures("home")
def test_a_clock_that_was_set_back_costs_time_but_no_truth(tmp_path, reads, monkeypatch):
    (path,) = put(tmp_path, a=b"1")
    monkeypatch.setattr(module.time, "time_ns", lambda: 10**9)  # 1970
    assert file_digests([path]) == file_digests([path]) == [sha(b"1")]
    assert reads == ["a", "a"]


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("fault", ["no database", "a folder", "no folder", "locked", "other table"])
def test_without_a_memory_files_are_read(tmp_path, home, fault, monkeypatch):
    home.mkdir()
    place = home / "file-digests.sqlite"
    lock = None
    if fault == "no database":
        place.write_bytes(b"damaged" * 1000)
    elif fault == "a folder":
        place.mkdir()
    elif fault == "no folder":
        home.rmdir()
        home.write_text("a file")
    elif fault == "other table":
        sqlite3.connect(place).execute("CREATE TABLE files (x)").connection.close()
    else:
        real = sqlite3.connect
        monkeypatch.setattr(module.sqlite3, "connect", lambda path, timeout: real(path, timeout=0))
        lock = real(place, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
    paths = put(tmp_path, a=b"1", b=b"2")
    for _ in range(2):
        assert file_digests(paths) == [sha(b"1"), sha(b"2")]
    if lock is not None:
        lock.close()


@pytest.mark.usefixtures("home", "settled")
def test_a_damaged_memory_is_made_anew(tmp_path, home, reads):
    home.mkdir()
    (home / "file-digests.sqlite").write_bytes(b"damaged" * 1000)
    paths = put(tmp_path, a=b"1")
    for _ in range(2):
        file_digests(paths)
    assert reads == ["a"]


@pytest.mark.usefixtures("home", "settled")
@pytest.mark.parametrize("column", ["sha256", "signature", "path"])
def test_a_row_that_was_changed_is_not_believed(tmp_path, home, reads, column):
    paths = put(tmp_path, a=b"1", b=b"2")
    right = file_digests(paths)
    with sqlite3.connect(home / "file-digests.sqlite") as database:
        first, second = database.execute(f"SELECT {column} FROM sealed ORDER BY path").fetchall()
        database.execute(f"DELETE FROM sealed WHERE {column} = ?", first)
        database.execute(f"UPDATE sealed SET {column} = ? WHERE {column} = ?", (*first, *second))
    database.close()
    assert file_digests(paths) == right
    assert sorted(reads) == ["a", "a", "b", "b"]


@pytest.mark.usefixtures("home", "settled")
def test_a_damaged_page_is_noticed_and_made_anew(tmp_path, home, reads):
    paths = put(tmp_path, **{f"f{n}": b"%d" % n for n in range(300)})
    right = file_digests(paths)
    place = home / "file-digests.sqlite"
    content = place.read_bytes()
    place.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    assert file_digests(paths) == file_digests(paths) == right
    reads.clear()
    assert file_digests(paths) == right
    assert not reads


@pytest.mark.usefixtures("settled")
def test_the_lock_of_another_process_is_waited_for_once(tmp_path, home, monkeypatch):
    file_digests(put(tmp_path, first=b"1"))
    lock = sqlite3.connect(home / "file-digests.sqlite", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")  # others may read, but not write
    real, asked = sqlite3.connect, []

    class Impatient(sqlite3.Connection):
        def execute(self, sql, *values):
            asked.append(sql.split()[0])
            return super().execute(sql, *values)

    monkeypatch.setattr(
        module.sqlite3, "connect", lambda path, timeout: real(path, 0, factory=Impatient)
    )
    paths = put(tmp_path, **{f"f{n}": b"%d" % n for n in range(9)})
    assert file_digests(paths) == [sha(path.read_bytes()) for path in paths]
    assert asked.count("INSERT") == 1
    lock.close()


@pytest.mark.usefixtures("settled")
def test_others_may_write_while_a_large_file_is_read(tmp_path, home, monkeypatch):
    small, large = put(tmp_path, small=b"1", large=b"2")
    noted, written = threading.Event(), []
    note, read = module._Memory.note, module._read

    def noting(self, *row):
        note(self, *row)
        noted.set()

    def reading(path, add):
        if path == large:
            assert noted.wait(60)
            other = sqlite3.connect(home / "file-digests.sqlite", timeout=5)
            other.execute("BEGIN IMMEDIATE")
            other.close()
            written.append(path)
        return read(path, add)

    monkeypatch.setattr(module._Memory, "note", noting)
    monkeypatch.setattr(module, "_read", reading)
    file_digests([small, large])
    assert written == [large]


@pytest.mark.usefixtures("home", "settled")
def test_several_at_once(tmp_path):
    paths = put(tmp_path, **{f"f{n}": str(n).encode() * 1000 for n in range(50)})
    right = [sha(path.read_bytes()) for path in paths]
    found = []
    threads = [threading.Thread(target=lambda: found.append(file_digests(paths))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [right] * 4


@pytest.mark.usefixtures("home", "settled")
def test_what_is_read_is_told_and_ctrl_c_keeps_it(tmp_path, monkeypatch, reads):
    """Of four files at once, the third is so large that its reader is stopped in the middle."""
    paths = put(tmp_path, **{f"f{n}": bytes(3 * 2**20) for n in range(8)})
    monkeypatch.setattr(module, "_PART", 2**20)
    monkeypatch.setattr(module, "_LOOK", 0.01)
    told, going_on = [], threading.Event()
    read = module._read

    def endless(path, add):
        while path == paths[2] and not going_on.is_set():
            add(0)  # raises when it is to stop
            going_on.wait(0.01)
        return read(path, add)

    def press(done, total):
        told.append((done, total))
        if done >= 6:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "_read", endless)
    monkeypatch.setattr(module, "tell_progress", press)  # as it comes at any moment
    with pytest.raises(KeyboardInterrupt):
        file_digests(paths)
    assert {total for _, total in told} == {24}
    before = [*reads]
    assert {"f0", "f1"} <= {*before}
    going_on.set()
    reads.clear()
    monkeypatch.setattr(module, "tell_progress", lambda done, total: None)
    assert file_digests(paths) == [sha(bytes(3 * 2**20))] * 8
    assert not {"f0", "f1"} & {*reads}
    assert "f2" in reads


@pytest.mark.usefixtures("home")
def test_a_file_that_keeps_changing_is_no_file_to_compute_on(tmp_path, monkeypatch):
    (path,) = put(tmp_path, a=b"1")
    real = module.signature

    def after_a_write(path):
        put_another(path, b"1")
        return real(path)

    monkeypatch.setattr(module, "signature", after_a_write)
    with pytest.raises(DataError, match="keeps changing while it is read"):
        file_digests([path])


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("what", ["missing", "folder"])
def test_what_cannot_be_read_is_named(tmp_path, what):
    path = tmp_path / what
    if what == "folder":
        path.mkdir()
    else:
        with pytest.raises(DataError, match=r"missing cannot be read: No such file"):
            signature(path)
    with pytest.raises(DataError, match=rf"{what} cannot be read"):
        file_digests([path])
