"""Downloads that break go on, and never mix two versions."""

import json

import pytest
import requests

from hsizoo.progress import listening
from hsizoo.weights import resuming
from hsizoo.weights.resuming import ResumableDownloader

CONTENT = bytes(range(256)) * 4000


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(resuming, "_PAUSE", 0)


@pytest.fixture
def server(file_server):
    file_server.files["/a.mat"] = CONTENT
    return file_server


@pytest.fixture
def downloader(tmp_path):
    return ResumableDownloader(tmp_path / "a.mat", len(CONTENT))


def get(downloader, server, out):
    downloader.download(f"{server.url}/a.mat")
    downloader("", out, None)


def ranges(server):
    return [headers.get("Range") for _, _, headers in server.asked]


def stop_after(server, downloader, out, size):
    """Leave a partial file, as a killed process does."""
    server.breaks = [size, 0, 0, 0]
    with pytest.raises(OSError, match=r"ended|IncompleteRead|Connection"):
        get(downloader, server, out)
    server.breaks = []
    server.asked.clear()


def test_a_whole_file_leaves_nothing_beside_it(server, downloader, tmp_path):
    out = tmp_path / "out"
    seen = []
    with listening(lambda done, total: seen.append((done, total))):
        get(downloader, server, out)
    assert out.read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert not downloader.resumed


def test_a_broken_connection_is_resumed_at_once(server, downloader, tmp_path):
    server.breaks = [300_000, 100_000]
    get(downloader, server, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == CONTENT
    first, second, third = ranges(server)
    assert first is None
    assert 0 < int(second[6:-1]) < int(third[6:-1]) <= 400_000
    assert server.asked[1][2]["If-Range"] == '"1"'
    assert downloader.resumed


def test_the_next_download_goes_on(server, downloader, tmp_path):
    stop_after(server, downloader, tmp_path / "out", 300_000)
    assert not (tmp_path / "out").exists()
    have = (tmp_path / ".a.mat.part").stat().st_size
    assert 0 < have <= 300_000
    again = ResumableDownloader(tmp_path / "a.mat", len(CONTENT))
    get(again, server, tmp_path / "out")
    assert ranges(server) == [f"bytes={have}-"]
    assert (tmp_path / "out").read_bytes() == CONTENT


@pytest.mark.parametrize("change", ["no ranges", "other version", "ignores If-Range", "shorter"])
def test_otherwise_it_starts_anew(server, tmp_path, monkeypatch, change):
    downloader = ResumableDownloader(tmp_path / "a.mat")
    stop_after(server, downloader, tmp_path / "out", 300_000)
    if change == "no ranges":
        server.ranges = False
    elif change == "shorter":
        server.files["/a.mat"] = CONTENT[:1000]
    else:
        server.files["/a.mat"] = CONTENT[::-1]
        server.etag = '"2"'
    if change in ("ignores If-Range", "shorter"):
        answer = server.answer

        def answer_any_range(handler):
            del handler.headers["If-Range"]
            answer(handler)

        server.answer = answer_any_range
    get(downloader, server, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == server.files["/a.mat"]
    assert len(server.asked) == (1 if change in ("no ranges", "other version") else 2)
    assert not downloader.resumed


@pytest.mark.parametrize(
    "what", ["no version", "weak", "damaged record", "empty record", "other address"]
)
def test_a_partial_file_of_unknown_origin_is_not_used(server, downloader, tmp_path, what):
    server.etag = {"no version": None, "weak": 'W/"1"'}.get(what, '"1"')
    (tmp_path / ".a.mat.part").write_bytes(b"?" * 1000)
    known = {"url": f"{server.url}/a.mat", "version": server.etag, "total": len(CONTENT)}
    if what == "other address":
        known["url"] = "http://elsewhere"
    about = tmp_path / ".a.mat.part.json"
    damaged = {"damaged record": "{", "empty record": "[]"}
    about.write_text(damaged.get(what) or json.dumps(known))
    if what == "weak":
        about.unlink()
        server.breaks = [300_000]
    get(downloader, server, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == CONTENT
    assert set(ranges(server)) == {None}


def test_a_server_that_never_gets_far_is_given_up(server, downloader, tmp_path):
    server.ranges = False
    server.breaks = [300_000, 200_000, 500_000, 400_000, 300_000, 500_000] + [0] * 9
    with pytest.raises(OSError, match=r"ended|IncompleteRead|Connection"):
        get(downloader, server, tmp_path / "out")
    assert len(server.asked) == 6


def test_a_date_is_a_version():
    headers = {"ETag": 'W/"1"', "Last-Modified": "Thu, 20 Feb 2014 15:12:55 GMT"}
    assert resuming._version(headers) == "Thu, 20 Feb 2014 15:12:55 GMT"


def test_a_complete_partial_file_needs_no_connection(server, downloader, tmp_path):
    (tmp_path / ".a.mat.part").write_bytes(CONTENT)
    known = {"url": f"{server.url}/a.mat", "version": '"1"', "total": len(CONTENT)}
    (tmp_path / ".a.mat.part.json").write_text(json.dumps(known))
    get(downloader, server, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == CONTENT
    assert server.asked == []


def test_a_refusal_keeps_what_has_come(server, downloader, tmp_path):
    stop_after(server, downloader, tmp_path / "out", 300_000)
    server.statuses["/a.mat"] = 503
    with pytest.raises(requests.HTTPError, match="503"):
        get(downloader, server, tmp_path / "out")
    assert (tmp_path / ".a.mat.part").stat().st_size > 0


def test_a_web_page_is_refused(server, downloader, tmp_path):
    server.kind = "text/html; charset=utf-8"
    with pytest.raises(ValueError, match="answers with a web page instead of the file"):
        get(downloader, server, tmp_path / "out")


def test_another_size_is_refused_before_the_download(server, tmp_path):
    downloader = ResumableDownloader(tmp_path / "a.mat", 7)
    with pytest.raises(ValueError, match=r"has 1,024,000 bytes instead of the expected 7"):
        get(downloader, server, tmp_path / "out")
    assert not (tmp_path / ".a.mat.part").exists()
