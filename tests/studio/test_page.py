"""The page in a real browser: Chromium, driven by Playwright, without any network."""

import asyncio
import json
import re
import shutil
import threading
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from hsizoo import Session
from hsizoo.cli import app as command_line
from hsizoo.io import read_labels, write_cube
from hsizoo.studio import Studio
from hsizoo.studio.server import CANVAS, make_app

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
playwright = pytest.importorskip("playwright.sync_api")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium"),
]

TOKEN = "token"
PATIENCE = 30  # seconds


@pytest.fixture
def address(studio):
    import uvicorn

    server = uvicorn.Server(
        uvicorn.Config(
            make_app(studio, TOKEN, lambda: server.servers[0].sockets[0].getsockname()[1]),
            port=0, log_level="warning",
        )
    )  # fmt: skip
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/?token={TOKEN}"
    server.should_exit = True
    thread.join()


class Page:
    """A page, what went wrong on it, and what it asked for."""

    def __init__(self, page, expression):
        self.page, self._expression = page, expression
        self.wrong, self.asked = [], []
        page.on("console", lambda each: self.wrong.append(each.text))
        page.on("pageerror", lambda each: self.wrong.append(str(each)))
        page.on("request", lambda each: self.asked.append(each.url))

    def get(self, code):
        return self.page.evaluate(re.sub(r"\$(?!{)", self._expression, code))

    def wait(self, code):
        end = time.monotonic() + PATIENCE
        while not (found := self.get(code)):
            told = self.page.locator(".said, .jobs").all_inner_texts()
            assert time.monotonic() < end, f"{code} in vain; {self.wrong}; {told}"
            time.sleep(0.02)
        return found

    def at(self, row, col):
        """Where a pixel is on the screen."""
        box = self.page.locator(".view canvas").bounding_box()
        x, y = self.get(f"$.toScreen({row}, {col})")
        return box["x"] + x, box["y"] + y

    def click(self, row, col, button="left"):
        self.page.mouse.click(*self.at(row, col), button=button)

    def drag(self, *places):
        self.page.mouse.move(*self.at(*places[0]))
        self.page.mouse.down()
        for place in places[1:]:
            self.page.mouse.move(*self.at(*place), steps=4)
        self.page.mouse.up()

    def press(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()


@pytest.fixture
def browser():
    with playwright.sync_playwright() as play:
        made = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def page(browser, address):
    opened = browser.new_page(viewport={"width": 1200, "height": 800}, accept_downloads=True)
    made = Page(opened, "window.hsizooStudio")
    opened.goto(address)
    made.wait("$ && $.state && $.state.ready && $.spectra.at(0, 1) !== null")
    yield made
    assert made.wrong == []
    assert all(url.startswith(("http://127.0.0.1:", "data:", "blob:")) for url in made.asked)


def clicks_of(studio, number=0):
    return studio.desk.session.state.objects[number].clicks.to_json()


def test_a_cube_is_clicked_corrected_and_exported(page, studio, scene, tmp_path):
    session = studio.desk.session
    # The spectrum under the pointer is the cube's, to the stated error.
    page.page.mouse.move(*page.at(7, 9))
    page.wait("$.hoverValues && $.hover[0] === 7 && $.hover[1] === 9")
    drawn, exact = np.array(list(page.get("Array.from($.hoverValues)"))), scene.cube.data[7, 9]
    stated = page.get("$.spectra.basis.errors.highest")
    assert np.linalg.norm(drawn - exact) / np.linalg.norm(exact) <= stated * 1.001
    assert page.page.get_by_text("row 7, column 9").is_visible()

    page.click(8, 8)
    page.wait("$.state.objects[0]?.clicks.length === 1")
    page.click(20, 25, "right")
    page.wait("$.state.objects[0].clicks.length === 2")
    assert clicks_of(studio) == [[8, 8, True], [20, 25, False]]
    page.wait("$.exact?.row === 20 && $.exact.col === 25")
    np.testing.assert_array_equal(page.get("Array.from($.exact.values)"), scene.cube.data[20, 25])
    page.page.keyboard.press("Control+z")
    page.wait("$.state.objects[0].clicks.length === 1")
    page.page.keyboard.press("Control+Shift+Z")
    page.wait("$.state.objects[0].clicks.length === 2")
    # A mark is dragged, and taken away by the right button.
    page.drag((20, 25), (22, 28))
    page.wait("$.state.objects[0].clicks[1][0] === 22")
    page.click(22, 28, "right")
    page.wait("$.state.objects[0].clicks.length === 1")

    page.page.keyboard.press("n")
    page.wait("$.state.objects.length === 2")
    page.page.keyboard.press("b")
    page.drag((17, 21), (24, 33))
    page.wait("$.state.objects[1].clicks.length === 5")
    page.page.keyboard.press("1")
    page.page.keyboard.press("s")
    page.drag((6, 6), (6, 12))
    page.wait("$.state.objects[0].clicks.length > 5")
    # Space moves the image and keeps the object.
    before, state = page.get("$.view.x"), session.state
    page.page.keyboard.down(" ")
    page.drag((10, 10), (10, 20))
    page.page.keyboard.up(" ")
    assert page.get("$.view.x") != before
    assert session.state is state
    page.page.keyboard.press("f")

    page.page.keyboard.press("p")
    page.drag((28, 36), (28, 38))
    page.wait("$.state.objects[0].added > 0")
    page.page.keyboard.press("e")
    page.drag((8, 7), (8, 9))
    page.wait("$.state.objects[0].removed > 0")

    page.page.get_by_label("component to compare with").fill("pcc")
    page.press("Compare")
    page.wait("$.state.compared === 'pcc'")
    assert len(page.get("$.panes()")) == 2
    page.press("Stop")
    page.wait("$.state.compared === null")
    page.page.get_by_label("component", exact=True).fill("pcc")
    page.press("Use")
    page.wait("$.state.component === 'pcc'")
    assert session.component == "pcc"

    # What is on the screen is the mask.
    page.wait("$.complete && $.state.ready")
    shown = page.get(
        "Array.from(new Uint8Array($.tiles.peek(`over:objects:${$.state.revision}:0:0:0`).data))"
    )
    np.testing.assert_array_equal(
        np.reshape(shown, (30, 40)), session.label_map().labels
    )  # fmt: skip
    # What is downloaded is what `hsizoo segment` makes of the downloaded session.
    write_cube(tmp_path / "field.npz", scene.cube)
    with page.page.expect_download() as saved:
        page.press("Save session")
    saved.value.save_as(tmp_path / "session.json")
    page.page.get_by_label("what to export").select_option("object")
    page.page.get_by_label("format").select_option(".npz")
    with page.page.expect_download() as exported:
        page.press("Export")
    exported.value.save_as(tmp_path / "mask.npz")
    done = CliRunner().invoke(
        command_line,
        ["segment", "pcc", str(tmp_path / "field.npz"), "--replay", str(tmp_path / "session.json"),
         "--object", "object-1", "-o", str(tmp_path / "again.npz"), "--device", "cpu"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    one, two = (read_labels(tmp_path / name)[0] for name in ("mask.npz", "again.npz"))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one == 1, session.mask("object-1"))
    # And the session is opened again.
    page.page.get_by_label("Remove object-1").click()
    page.wait("$.state.objects.length === 1")
    page.page.get_by_label("open a session").set_input_files(tmp_path / "session.json")
    page.wait("$.state.objects.length === 2")
    replayed = Session.replay(tmp_path / "session.json", scene.cube, device="cpu")
    assert session.state == replayed.state


def test_similarity_library_pins_and_map(page, studio, scene, tmp_path):
    page.click(8, 8)
    page.wait("$.exact")
    page.press("Pin")
    with page.page.expect_download() as saved:
        page.press("CSV")
    saved.value.save_as(tmp_path / "pins.csv")
    page.page.locator("summary", has_text="Spectral library").click()
    page.page.locator("input[multiple]").set_input_files(tmp_path / "pins.csv")
    page.wait("$.library?.names.length === 1")
    page.press("As prompt")
    page.wait("$.state.objects.length === 2")
    assert clicks_of(studio, 1) == [[8, 8, True]]
    page.page.keyboard.press("Control+z")
    page.wait("$.state.objects.length === 1")

    page.page.locator("summary", has_text="Show all like this").click()
    page.press("Show")
    page.wait("$.state.overlays.similarity")
    page.page.get_by_label("threshold of the similarity").fill("200")
    assert page.get("$.cut") == 200
    page.page.keyboard.press("n")
    page.wait("$.state.objects.length === 2")
    page.click(20, 25)
    page.wait("$.state.objects[1].clicks.length === 1")
    page.page.locator("summary", has_text="Map of classes").click()
    page.press("Classify")
    page.wait("$.state.overlays.classes && $.state.overlays.classes.labelled === 2")
    page.wait("$.tiles.peek(`over:classes:${$.state.overlays.classes.revision}:0:0:0`)")
    # A single band and its slider.
    page.press("Single band")
    page.page.keyboard.press("ArrowRight")
    assert page.get("$.band") == studio.desk.tiles.rgb_bands[0] + 1
    page.wait(f"$.tiles.peek('image:{page.get('$.band')}:percentile:0:0:0')")


def test_a_click_right_after_n_is_for_the_new_object(page, studio):
    page.get(
        """(() => {
          const ask = $.rawAsk;
          $.rawAsk = async (message) => {
            if (message.do === "add") await new Promise((done) => setTimeout(done, 500));
            return ask(message);
          };
        })()"""
    )
    page.click(8, 8)
    page.click(9, 9)  # both before the first object is there
    page.wait("$.state.objects[0]?.clicks.length === 2")
    page.page.keyboard.press("n")
    page.click(20, 25)
    page.wait("$.state.objects[1]?.clicks.length === 1")
    page.page.keyboard.press("1")
    page.click(6, 6)
    page.wait("$.state.objects[0].clicks.length === 3")
    assert clicks_of(studio) == [[8, 8, True], [9, 9, True], [6, 6, True]]
    assert clicks_of(studio, 1) == [[20, 25, True]]
    assert len(studio.desk.session.objects) == 2


def test_a_map_that_is_old_says_so_and_masks_come_back(page, studio):
    page.click(8, 8)
    page.page.keyboard.press("n")
    page.click(20, 25)
    page.wait("$.state.objects[1]?.clicks.length === 1")
    page.page.locator("summary", has_text="Map of classes").click()
    page.press("Classify")
    page.wait("$.state.overlays.classes && !$.show.objects")
    assert "out of date" not in page.get("$.els.mapTold.textContent")
    page.click(22, 28)
    page.wait("$.els.mapTold.textContent.includes('out of date')")
    assert page.get("$.show.objects && $.els['show-objects'].checked")
    studio.jobs.start("classify", "a trial", lambda: 1 / 0)
    page.wait("$.els.mapTold.textContent.includes('the last Classify failed')")


def test_a_failure_is_told_once_for_each_try_and_the_field_is_set_back(
    page, browser, address, studio
):
    for _ in range(2):
        page.page.get_by_label("component", exact=True).fill("nothing-like-this")
        page.press("Use")
        page.wait("$.said.querySelector('.wrong') && $.els.component.value !== 'nothing-like-this'")
        assert page.get("$.els.component.value") == studio.desk.session.component
        page.page.wait_for_timeout(2000)  # longer than it takes to ask for the state again
        assert page.get("$.said.querySelectorAll('.wrong').length") == 1
        page.get("$.said.replaceChildren()")
    # Later, on another tab, it is not told again.
    studio.jobs._jobs["prepare"].began -= 60
    other = Page(browser.new_page(), "window.hsizooStudio")
    other.page.goto(address)
    other.wait("$ && $.state && $.state.ready")
    assert other.get("$.said.querySelectorAll('.wrong').length") == 0
    other.page.close()


def test_a_session_that_is_none_is_called_by_its_name(page, tmp_path):
    (tmp_path / "notes.txt").write_text("a note")
    page.page.get_by_label("open a session").set_input_files(tmp_path / "notes.txt")
    page.page.get_by_text("notes.txt is not a session saved by hsizoo").wait_for()


def test_names_from_people_are_no_html(page, studio):
    page.page.get_by_label("name of a new object").fill("<img src=x onerror=alert(1)>")
    page.press("Add")
    page.wait("$.state.objects.length === 1")
    assert page.page.locator(".object img").count() == 0
    assert page.page.locator(".object .name").inner_text() == "<img src=x onerror=alert(1)>"


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_it_fits_any_screen(page, width):
    page.page.set_viewport_size({"width": width, "height": 800})
    page.wait(f"$.root.clientWidth === {width}")
    assert page.get("document.documentElement.scrollWidth") <= width
    page.get("[1, 2, 3, 4].forEach(() => $.say('a long message '.repeat(40), true))")
    said, view = (page.page.locator(each).bounding_box() for each in (".said", ".view"))
    if width < 760:
        assert said["height"] < 0.4 * view["height"]
    page.get("$.said.replaceChildren()")
    for name in ("Objects", "Files"):
        box = page.page.locator("summary", has_text=name).first.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


def test_another_tab_sees_the_same(page, browser, address, studio):
    other = Page(browser.new_page(), "window.hsizooStudio")
    other.page.goto(address)
    other.wait("$ && $.state && $.state.ready")
    page.click(8, 8)
    other.wait("$.state.objects[0]?.clicks.length === 1")
    other.page.close()
    page.click(9, 9)
    page.wait("$.state.objects[0].clicks.length === 2")


def test_the_widget_of_a_notebook_draws_the_same(browser, scene):
    """The module as anywidget runs it, with a model that stands in for the kernel."""
    studio = Studio(scene, component="sa", device="cpu")
    studio.jobs.wait()
    made = Page(browser.new_page(viewport={"width": 900, "height": 800}), "window.shown")

    def answered(message):
        found = studio.answer(message)
        return [json.loads(json.dumps(found.about)), list(found.data)]

    made.page.expose_function("kernel", answered)
    made.page.route(
        "http://notebook.invalid/",
        lambda route: route.fulfill(content_type="text/html", body="<body></body>"),
    )
    made.page.route(
        "http://notebook.invalid/widget.js",
        lambda route: route.fulfill(content_type="text/javascript", body=CANVAS.read_text()),
    )
    made.page.goto("http://notebook.invalid/")
    made.page.evaluate(
        """async () => {
          const widget = (await import("/widget.js")).default;
          const listeners = [];
          const model = {
            get: (name) => ({ height: 600 })[name],
            on: (kind, listener) => listeners.push(listener),
            off: (kind, listener) => listeners.splice(listeners.indexOf(listener), 1),
            send: async ({ id, message }) => {
              const [about, data] = await window.kernel(message);
              const view = new DataView(new Uint8Array([9, 9, ...data]).buffer, 2);
              for (const each of [...listeners]) each({ id, about }, [view]);
            },
          };
          const el = document.createElement("div");
          document.body.append(el);
          window.listeners = listeners;
          window.leave = widget.render({ model, el });
        }"""
    )
    canvas = made.page.locator(".view canvas")
    canvas.wait_for()
    made.page.locator("summary", has_text="Objects").wait_for()
    end = time.monotonic() + PATIENCE
    while not studio.desk.session.objects:
        assert time.monotonic() < end
        box = canvas.bounding_box()
        made.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        time.sleep(1)
    made.page.locator(".object").wait_for()
    made.page.evaluate("window.leave()")
    assert made.page.locator(".hsz").count() == 0
    assert made.page.evaluate("window.listeners.length") == 0
    assert made.wrong == []
