"""Published files are fetched once, whole, and as expected."""

import hashlib
import socket
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from hsizoo.errors import DataError, MissingRequirement
from hsizoo.weights import resuming
from hsizoo.weights.fetching import data_state, find_data, locate_data
from hsizoo.weights.published import PublishedFile

CONTENT = b"MATLAB 5.0 MAT-file" * 50_000
SHA = hashlib.sha256(CONTENT).hexdigest()
OTHER = b"something else"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path))
    monkeypatch.setattr(resuming, "_PAUSE", 0)
    return tmp_path / "data"


@pytest.fixture
def server(file_server):
    file_server.files["/a.mat"] = CONTENT
    return file_server


def published(server=None, sha256=SHA, **changes):
    url = f"{server.url if server else 'https://example.invalid'}/a.mat"
    return replace(PublishedFile("a.mat", url, len(CONTENT), sha256, "CC0"), **changes)


def get(file, **how):
    return locate_data(file, dataset="scene", **how)


def test_address_size_and_licence_are_told_before_the_download(server, folder, capfd):
    told = []
    answer = server.answer

    def answer_later(handler):
        told.append(capfd.readouterr())
        answer(handler)

    server.answer = answer_later
    assert get(published(server)) == folder / "a.mat"
    assert (folder / "a.mat").read_bytes() == CONTENT
    ((out, err),) = told
    assert out == ""
    assert err == (f"downloading a.mat (950,000 bytes) from {server.url}/a.mat\n  licence: CC0\n")
    get(published(server))
    assert capfd.readouterr() == ("", "")
    assert len(server.asked) == 1
    assert sorted(path.name for path in folder.iterdir()) == [".a.mat.lock", "a.mat"]


def test_offline_says_what_to_put_where(folder, monkeypatch):
    monkeypatch.setenv("HSIZOO_OFFLINE", "1")
    file = published(mirrors=("https://mirror.invalid/b",))
    with pytest.raises(MissingRequirement) as caught:
        get(file)
    for part in (
        "HSIZOO_OFFLINE is set", SHA, "950,000 bytes", "CC0", *file.addresses,
        str(folder / "a.mat"), "data_dir=FOLDER or HSIZOO_DATA",
    ):  # fmt: skip
        assert part in str(caught.value)


def test_a_wrong_file_is_not_kept_and_both_digests_are_told(server, folder):
    server.files["/a.mat"] = OTHER
    with pytest.raises(MissingRequirement) as caught:
        get(published(server, size=0))
    assert SHA in str(caught.value)
    assert hashlib.sha256(OTHER).hexdigest() in str(caught.value)
    assert [path.name for path in folder.iterdir()] == [".a.mat.lock"]


def test_a_mirror_is_tried_where_the_first_address_fails(server, folder, capfd):
    server.files["/wrong.mat"] = OTHER
    file = published(server, url=f"{server.url}/none.mat", size=0)
    file = replace(file, mirrors=(f"{server.url}/wrong.mat", f"{server.url}/a.mat"))
    assert get(file).read_bytes() == CONTENT
    err = capfd.readouterr().err
    assert [err.count(text) for text in ("downloading", "404", "does not match")] == [3, 1, 1]
    (folder / "a.mat").unlink()
    with pytest.raises(MissingRequirement, match=r"404 .*none\.mat"):
        get(replace(file, sha256="0" * 64))


def test_a_broken_download_goes_on_at_the_next_call(server, folder, capfd):
    server.breaks = [400_000, 0, 0, 0]
    with pytest.raises(MissingRequirement, match="the download failed"):
        get(published(server))
    assert find_data(published(server)) is None  # a partial file is no file
    assert not [path for path in folder.iterdir() if path.name.startswith("tmp")]
    have = (folder / ".a.mat.part").stat().st_size
    server.asked.clear()
    capfd.readouterr()
    assert get(published(server)).read_bytes() == CONTENT
    assert f"going on after {have:,} bytes" in capfd.readouterr().err
    assert "Range" in server.asked[0][2]


def test_parts_that_do_not_fit_are_fetched_again(server, folder):
    server.files["/a.mat"] = bytes(len(CONTENT))
    server.breaks = [400_000, 0, 0, 0]
    with pytest.raises(MissingRequirement):
        get(published(server))
    server.files["/a.mat"] = CONTENT  # the server calls it the same version
    assert get(published(server)).read_bytes() == CONTENT
    assert server.asked[-1][2].get("Range") is None


def test_without_a_digest_the_download_must_be_asked_for(server, folder, capfd):
    file = published(server, sha256=None)
    assert data_state([file]) == "needs --download (1 MB)"
    with pytest.raises(MissingRequirement, match="hsizoo data fetch scene --download"):
        get(file)
    assert server.asked == []
    get(file, download=True)
    assert f"sha256 is {SHA}, recorded in {folder / 'a.mat.sha256'}" in capfd.readouterr().err
    assert (folder / "a.mat.sha256").read_text() == f"{SHA}  a.mat\n"
    assert data_state([file]) == "here"
    # From now on its digest is known.
    (folder / "a.mat").unlink()
    assert data_state([file]) == "downloads by itself (1 MB)"
    assert get(file).read_bytes() == CONTENT
    (folder / "a.mat").unlink()
    server.files["/a.mat"] = OTHER
    for how in ({}, {"download": True}):
        with pytest.raises(MissingRequirement) as caught:
            get(replace(file, size=0), **how)
        assert SHA in str(caught.value)
        assert hashlib.sha256(OTHER).hexdigest() in str(caught.value)


@pytest.mark.parametrize("sha256", [SHA, None])
def test_a_file_that_changes_in_its_place_is_refused(folder, sha256):
    folder.mkdir()
    (folder / "a.mat").write_bytes(CONTENT)
    get(published(sha256=sha256))
    (folder / "a.mat").write_bytes(OTHER)
    with pytest.raises(DataError, match=f"{hashlib.sha256(OTHER).hexdigest()}.*{SHA}.*data_dir="):
        get(published(sha256=sha256))


def test_the_users_own_folders_go_first(server, folder, tmp_path, monkeypatch):
    own = tmp_path / "own"
    own.mkdir()
    with pytest.raises(MissingRequirement, match=r"a\.mat is not in .*own\.  .*data fetch scene"):
        get(published(server), data_dir=str(own))
    (own / "a.mat").write_bytes(OTHER)
    monkeypatch.setenv("HSIZOO_DATA", str(own))
    assert get(published(server)) == own / "a.mat"
    assert data_state([published(server)]) == "here"
    monkeypatch.delenv("HSIZOO_DATA")
    assert get(published(server), data_dir=str(own)) == own / "a.mat"
    assert server.asked == []
    get(published(server))
    assert get(published(server), data_dir=str(folder)) == folder / "a.mat"


def test_the_state_counts_what_is_missing(folder):
    files = [
        published(size=30_000_000),
        published(name="b.mat", size=0, about=4_600_000),
    ]
    assert data_state(files) == "downloads by itself (35 MB)"
    assert data_state([*files, published(name="c.mat", size=0)]) == "downloads by itself"
    assert data_state([*files, published(name="c.mat", sha256=None)]).startswith("needs --download")
    folder.mkdir()
    (folder / "a.mat").write_bytes(CONTENT)
    assert data_state(files) == "downloads by itself (5 MB)"


def test_a_proxy_of_the_environment_is_used(server, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)
    file = published(url="http://scenes.invalid/a.mat")
    assert get(file).read_bytes() == CONTENT
    assert [(method, target) for method, target, _ in server.asked] == [("GET", file.url)]


def test_a_proxy_for_https_is_asked_for_a_tunnel(server, monkeypatch):
    monkeypatch.setenv("https_proxy", server.url)
    with pytest.raises(MissingRequirement, match="the download failed"):
        get(published(url="https://scenes.invalid/a.mat"))
    assert {(method, target) for method, target, _ in server.asked} == {
        ("CONNECT", "scenes.invalid:443")
    }


def test_processes_that_need_the_same_file_fetch_it_once(server, folder):
    both_run = threading.Event()
    answer = server.answer

    def answer_later(handler):
        assert both_run.wait(60)
        answer(handler)

    server.answer = answer_later
    code = (
        "from hsizoo import PublishedFile, locate_data\n"
        "print('runs', flush=True)\n"
        f"print(locate_data({published(server)}, dataset='scene'))"
    )
    command = [sys.executable, "-c", code]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as one,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other,
    ):
        assert [each.stdout.readline() for each in (one, other)] == ["runs\n"] * 2
        both_run.set()
        assert [each.stdout.read() for each in (one, other)] == [f"{folder / 'a.mat'}\n"] * 2
    assert (folder / "a.mat").read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_no_network_is_told_in_words(folder, capfd, monkeypatch):
    monkeypatch.delenv("HSIZOO_OFFLINE", raising=False)
    with socket.socket() as taken:  # bound and not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(MissingRequirement, match=f"failed: no connection to {host}[.] Down"):
            get(published(url=f"http://{host}/a.mat"))
    assert f"failed: no connection to {host}\n" in capfd.readouterr().err


def test_a_folder_that_cannot_be_written_is_told(server, folder):
    folder.write_text("in the way")
    with pytest.raises(MissingRequirement, match=r"the download failed: .*File exists"):
        get(published(server))
