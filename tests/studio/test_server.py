"""The server: for the page of this machine that has the token, and for nobody else."""

import json
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from starlette.testclient import TestClient

from hsizoo.errors import MissingRequirement, OptionError
from hsizoo.studio import guard, server
from hsizoo.studio.guard import HEADERS, Pace
from hsizoo.studio.server import make_app

TOKEN = "a-token"
HOST = "http://127.0.0.1:4321"


@pytest.fixture
def client(studio):
    app = make_app(studio, TOKEN, lambda: 4321)
    with TestClient(app, base_url=HOST, headers={"X-Hsizoo-Token": TOKEN}) as made:
        yield made


def unpacked(response):
    assert response.status_code == 200, response.text
    (length,) = struct.unpack("<I", response.content[:4])
    return json.loads(response.content[4 : 4 + length]), response.content[4 + length :]


def test_the_page_speaks_to_the_studio(client, scene):
    assert unpacked(client.post("/do", json={"do": "add", "name": "a"}))[0]["objects"]
    client.post("/do", json={"do": "click", "object": "a", "row": 8, "col": 8})
    about, data = unpacked(
        client.post("/do", json={"do": "tile", "layer": "objects", "level": 0, "row": 0, "col": 0})
    )
    assert np.frombuffer(data, np.uint8).reshape(about["shape"])[8, 8] == 1
    about, data = unpacked(client.post("/do", json={"do": "spectrum", "row": 5, "col": 6}))
    np.testing.assert_array_equal(np.frombuffer(data, "<f4"), scene.cube.data[5, 6])


def test_nothing_of_the_page_is_elsewhere(client):
    page = client.get(f"/?token={TOKEN}", headers={"X-Hsizoo-Token": ""})
    assert page.status_code == 403  # a wrong header counts, whatever the address says
    del client.headers["X-Hsizoo-Token"]
    for path in ("/", "/page.js", "/hsizoo-canvas.js"):
        answer = client.get(f"{path}?token={TOKEN}")
        assert answer.status_code == 200
        assert "//" not in answer.text.replace("// ", "").replace("//\n", ""), path
        for name, value in HEADERS:
            assert answer.headers[name.decode()] == value.decode()
    assert client.get(f"/docs?token={TOKEN}").status_code == 404
    assert client.get(f"/openapi.json?token={TOKEN}").status_code == 404


@pytest.mark.parametrize("path", ["/", "/page.js", "/hsizoo-canvas.js", "/do", "/nothing"])
@pytest.mark.parametrize("token", [None, "", "A-token", "a-token2", "a-toke", "ÿ"])
def test_without_the_token_nothing_is_served(client, path, token):
    del client.headers["X-Hsizoo-Token"]
    headers = {} if token is None else {"X-Hsizoo-Token": token.encode("latin-1")}
    query = "" if token is None else f"?token={token}"
    for answer in (
        client.get(path + query), client.post(path + query, json={"do": "hello"}),
        client.get(path, headers=headers), client.post(path, json={"do": "add"}, headers=headers),
    ):  # fmt: skip
        assert answer.status_code == 403
        assert "token" in answer.json()["error"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:4322"}, 403), ({"Origin": "https://127.0.0.1:4321"}, 403),
        ({"Origin": HOST}, 200), ({"Origin": "http://localhost:4321"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403), ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200), ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:4321"}, 421), ({"Host": "127.0.0.1"}, 421),
        ({"Host": "localhost:4321"}, 200), ({"Host": ""}, 421),
    ],
)  # fmt: skip
def test_other_pages_and_names_that_lead_here_are_refused(client, studio, headers, status):
    answer = client.post("/do", json={"do": "add", "name": "a"}, headers=headers)
    assert answer.status_code == status
    assert (studio.desk.session.objects == ("a",)) == (status == 200)


def test_no_answer_lets_another_page_read_it(client):
    answer = client.options(
        "/do", headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    )
    assert answer.status_code == 403
    assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/hsizoo-canvas.js/../protocol.py",
     "//etc/passwd", "/..%5c..%5cetc", "/protocol.py", "/hsizoo-canvas.js%00.py"],
)  # fmt: skip
def test_no_path_leads_to_a_file(client, path):
    answer = client.get(path)
    assert answer.status_code == 404
    assert "root:" not in answer.text


def test_ten_declared_gigabytes_are_refused_before_they_are_sent(client):
    answer = client.post("/do", content=b"{}", headers={"Content-Length": str(10 * 2**30)})
    assert answer.status_code == 413
    for length in ("-1", "1e3", "x", "9" * 400):
        assert (
            client.post("/do", content=b"", headers={"Content-Length": length}).status_code == 413
        )


def test_a_body_that_does_not_say_its_length_is_counted(client, monkeypatch, studio):
    monkeypatch.setattr(guard, "LONGEST", 1000)
    sent = []

    def parts():
        for _ in range(100):
            sent.append(1)
            yield b" " * 100

    assert client.post("/do", content=parts()).status_code == 413
    ok = client.post("/do", content=iter([b'{"do": ', b'"add"}']))
    assert unpacked(ok)[0]["objects"][0]["name"] == "object-1"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe\x00", bytes(range(256)), b'{"do": "add", "do": "add"}', b"[" * 100_000,
     b'{"do": NaN}', b'{"do": 1e999}', b'"' + b"\xf0\x9f" + b'"', b"null", b'{"do": "\\ud800"}'],
)  # fmt: skip
def test_malformed_bodies_are_answered_in_words(client, body, studio):
    before = studio.desk.session.state
    about, _ = unpacked(client.post("/do", content=body))
    assert about["error"]
    assert studio.desk.session.state == before


def test_a_bug_shows_no_traceback_to_the_page(client, studio, monkeypatch, caplog):
    monkeypatch.setattr(studio, "answer", lambda message: 1 / 0)
    about, _ = unpacked(client.post("/do", json={"do": "hello"}))
    assert about == {"error": "this failed; the terminal shows the details", "kind": "bug"}
    assert "ZeroDivisionError" in caplog.text


def test_sockets_are_refused(client):
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), client.websocket_connect(f"/do?token={TOKEN}"):
        pass


def test_two_hundred_prompts_a_second_are_served_or_refused(studio):
    app = make_app(studio, TOKEN, lambda: 4321, Pace(a_second=20, at_once=50))
    with TestClient(app, base_url=HOST, headers={"X-Hsizoo-Token": TOKEN}) as client:
        client.post("/do", json={"do": "add", "name": "a"})

        def click(n):
            row, col = divmod(n, 20)
            return client.post("/do", json={"do": "click", "object": "a", "row": 3 + row,
                                            "col": 3 + col}).status_code  # fmt: skip

        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(click, range(200)))
    assert set(statuses) == {200, 429}
    assert len(studio.desk.session.clicks("a")) == statuses.count(200)


def test_the_pace_is_steady():
    pace = Pace(a_second=1000, at_once=5)
    assert [pace.allows() for _ in range(5)] == [True] * 5
    while pace.allows():
        pass
    time.sleep(0.01)
    assert pace.allows()


def test_two_tabs_see_one_session(studio):
    app = make_app(studio, TOKEN, lambda: 4321)
    how = {"base_url": HOST, "headers": {"X-Hsizoo-Token": TOKEN}}
    with TestClient(app, **how) as one, TestClient(app, **how) as two:
        one.post("/do", json={"do": "add", "name": "a"})
        one.post("/do", json={"do": "click", "object": "a", "row": 8, "col": 8})
        first = unpacked(two.post("/do", json={"do": "state"}))[0]
        assert first["objects"][0]["clicks"] == [[8, 8, True]]
        two.post("/do", json={"do": "undo"})
        about = unpacked(one.post("/do", json={"do": "status"}))[0]
        assert about["revision"] > first["revision"]
        assert unpacked(one.post("/do", json={"do": "state"}))[0]["objects"][0]["clicks"] == []


def test_a_tab_that_is_closed_while_it_waits_stops_nothing(studio, client):
    gate = threading.Event()
    studio.jobs.start("prepare", "a long look", gate.wait)
    assert unpacked(client.post("/do", json={"do": "status"}))[0]["jobs"]["prepare"]["running"]
    client.close()
    gate.set()
    studio.jobs.wait()
    assert studio.answer({"do": "add", "name": "a"}).about["objects"]


def test_a_port_in_use_is_an_error_in_words(studio):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OptionError, match=f"port {port} cannot be used"):
            server.serve(studio, port=port, browser=False)


def test_what_is_not_installed_is_said(studio, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingRequirement, match=r"pip install 'hsizoo\[studio\]'"):
        server.serve(studio, browser=False)
    with pytest.raises(MissingRequirement, match="fastapi and uvicorn"):
        make_app(studio, TOKEN, lambda: 1)


def test_the_command_serves_this_machine_until_it_is_ended(tmp_path, wait_until, hears_ctrl_c):
    said, errors = tmp_path / "out", tmp_path / "err"
    with said.open("w") as out, errors.open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "hsizoo", "studio", "--dataset",
             "phantom:height=32,width=32,bands=12", "--no-browser", "-c", "sa"],
            stdout=out, stderr=err,
        )  # fmt: skip
    try:
        wait_until(lambda: said.read_text().endswith("\n"), process)
        address = said.read_text().strip()
        assert address.startswith("http://127.0.0.1:")

        def is_up():
            try:
                with urllib.request.urlopen(address, timeout=10) as answer:
                    return b"page.js" in answer.read()
            except ConnectionError:
                return False
            except urllib.error.URLError:
                return False

        wait_until(is_up, process)
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(address.partition("?")[0], timeout=10)
    finally:
        process.send_signal(2)
        process.wait(60)
    assert "Traceback" not in errors.read_text()


def test_help_and_list_import_no_server():
    code = (
        "import sys\nfrom hsizoo.cli import app\n"
        "from typer.testing import CliRunner\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "assert CliRunner().invoke(app, ['studio', '--help']).exit_code == 0\n"
        "heavy = {'fastapi', 'uvicorn', 'anywidget', 'numpy', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
