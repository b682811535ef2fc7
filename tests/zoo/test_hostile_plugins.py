"""Plugins that do harm: all at once, and every command works and names the culprits."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest

SECONDS = 12  # that a plugin has; an ordinary one needs less than one on an idle machine


class Hostile(NamedTuple):
    """The code of a plugin, what becomes of it, and words of its row in ``hsizoo plugins``."""

    code: str
    status: str
    detail: str = ""


def offers(more="", first="", name="made-{}"):
    """Code of a plugin with one component; `more` are fields of its spec, `first` runs before."""
    return f"""
import hsizoo
{textwrap.dedent(first)}
@hsizoo.hookimpl
def hsizoo_components():
    yield hsizoo.ComponentSpec(
        **dict(dict(name=NAME, kind="scorer", target="no.such:Thing", summary="s"), {more})
    )
"""


def yields(body):
    """Code of a plugin with a hook of its own."""
    return "import hsizoo\n@hsizoo.hookimpl\ndef hsizoo_components():\n" + textwrap.indent(
        textwrap.dedent(body), "    "
    )


def spec_of(body):
    """Code of a plugin with a subclass of `ComponentSpec`."""
    first = "class Mine(hsizoo.ComponentSpec):\n" + textwrap.indent(textwrap.dedent(body), "    ")
    return offers(first=first).replace("yield hsizoo.ComponentSpec", "yield Mine")


TEXTS = ("summary", "paper", "licence", "weights", "install")
RAISES = 'raise RuntimeError("not so")'

PLUGINS = {
    # Texts.
    "markup": Hostile(offers('summary="[bold]x[/] [/nothing] [red"'), "ok"),
    "markup-everywhere": Hostile(offers(", ".join(f'{t}="[/a]\\\\"' for t in TEXTS)), "ok"),
    "escapes": Hostile(
        offers(", ".join(f'{t}="\\x1b[2J\\x1b]0;mine\\x07 \\x9b31m seen"' for t in TEXTS)), "ok"
    ),
    "bidi": Hostile(offers('summary="a\\u202eb\\u2066c\\u200bd\\ufeff"'), "ok"),
    "half-characters": Hostile(offers('summary="x\\ud800\\udfff"'), "ok"),
    "line-breaks": Hostile(offers('summary="one\\n\\r\\vtwo\\u2028three\\x85four"'), "ok"),
    "only-escapes": Hostile(offers('summary="\\x1b[31m"'), "failed", "needs a one-line summary"),
    "emoji-codes": Hostile(offers('summary=":warning: :x:"'), "ok"),
    "long-summary": Hostile(offers('summary="long " * 10_000_000'), "ok"),
    "long-docstring": Hostile(offers(first='__doc__ = "x" * 50_000_000'), "ok"),
    "long-name": Hostile(offers('name="x" * 10_000_000'), "failed", "component name 'xxx"),
    "long-version": Hostile(offers('version="1" * 1000'), "failed", "has version='111"),
    "escape-in-version": Hostile(offers('version="\\x1b[2J"'), "failed", "has version="),
    # Other fields.
    "requires-raising": Hostile(offers('requires=("raising_package.inside",)'), "ok"),
    "requires-exiting": Hostile(offers('requires=("exiting_package.inside",)'), "ok"),
    "requires-odd": Hostile(offers('requires=("..", "")'), "failed", "tuple of import names"),
    "requires-endless": Hostile(
        offers("requires=iter(lambda: 'a', 'b')"), "failed", "tuple of import names"
    ),
    "packaged-raising": Hostile(offers('packaged="raising_package.inside:weights"'), "ok"),
    "packaged-exiting": Hostile(offers('packaged="exiting_package.inside:weights"'), "ok"),
    "option-of-4000-digits": Hostile(
        offers('options={"a": 10**4000}'), "failed", "option 'a' is too large"
    ),
    "option-of-5000-digits": Hostile(
        offers('options={"a": 10**5000}'), "failed", "option 'a' is too large"
    ),
    "option-with-escapes": Hostile(
        offers('options={"a\\x1b[2J": 1}'), "failed", "printable characters"
    ),
    "option-infinite": Hostile(offers('options={"a": float("inf"), "b": float("nan")}'), "ok"),
    "file-elsewhere": Hostile(
        offers(
            'kind="dataset", files=(hsizoo.PublishedFile("../a", "https://a.b/c", 1, None, "x"),)'
        ),
        "failed",
        "the file '../a' has name=",
    ),
    "file-of-odd-size": Hostile(
        offers('kind="dataset", files=(hsizoo.PublishedFile("a", "u", "big", None, "x"),)'),
        "failed",
        "has size='big'",
    ),
    # Spec classes.
    "own-hash": Hostile(spec_of(f"def __hash__(self):\n    {RAISES}"), "ok"),
    "own-eq": Hostile(spec_of(f"def __eq__(self, other):\n    {RAISES}\n__hash__ = None"), "ok"),
    "own-repr": Hostile(spec_of(f"def __repr__(self):\n    {RAISES}"), "ok"),
    "property-raises": Hostile(
        spec_of(
            """
            def __getattribute__(self, name):
                if name == "paper" and hasattr(self, "install"):
                    raise RuntimeError("not so")
                return super().__getattribute__(name)
            """
        ),
        "failed",
        "RuntimeError: not so",
    ),
    "text-of-own-class": Hostile(
        offers(
            "summary=Text('fine')",
            first=f"""
            class Text(str):
                def __str__(self):
                    {RAISES}
                def __len__(self):
                    {RAISES}
                def __getitem__(self, key):
                    {RAISES}
            """,
        ),
        "ok",
    ),
    # What is yielded.
    "no-end": Hostile(
        yields(
            """
            import itertools
            for number in itertools.count():
                yield hsizoo.ComponentSpec(name=f"n{number}", kind="scorer", target="a:B",
                                           summary="s")
            """
        ),
        "failed",
        "more than 1000 components",
    ),
    "many": Hostile(
        yields(
            """
            return [hsizoo.ComponentSpec(name=f"n{number}", kind="scorer", target="a:B",
                                         summary="s") for number in range(10**5)]
            """
        ),
        "failed",
        "more than 1000 components",
    ),
    "thousand": Hostile(
        yields(
            """
            return [hsizoo.ComponentSpec(name=f"n{number}", kind="scorer", target="a:B",
                                         summary="s") for number in range(1000)]
            """
        ),
        "ok",
    ),
    "differs": Hostile(
        yields(
            """
            import time
            yield hsizoo.ComponentSpec(name=f"at-n{time.time_ns()}", kind="scorer", target="a:B",
                                       summary="s")
            """
        ),
        "ok",
    ),
    # Exceptions.
    "interrupt": Hostile("raise KeyboardInterrupt", "failed", "KeyboardInterrupt"),
    "interrupt-late": Hostile(yields("raise KeyboardInterrupt\nyield"), "failed", "KeyboardInter"),
    "group": Hostile(
        "raise BaseExceptionGroup('many', [KeyboardInterrupt(), SystemExit(0)])",
        "failed",
        "BaseExceptionGroup: many (2 sub-exceptions)",
    ),
    "exit": Hostile("import sys\nsys.exit(0)", "failed", "SystemExit: 0"),
    "exit-late": Hostile(yields("raise SystemExit('bye')\nyield"), "failed", "SystemExit: bye"),
    "own-base-exception": Hostile(
        "class Mine(BaseException):\n    pass\nraise Mine('x')", "failed", "Mine: x"
    ),
    "str-raises": Hostile(
        f"class Mine(Exception):\n    def __str__(self):\n        {RAISES}\nraise Mine",
        "failed",
        "Mine: its message cannot be read (RuntimeError)",
    ),
    "str-exits": Hostile(
        "class Mine(Exception):\n    def __str__(self):\n        raise SystemExit\nraise Mine",
        "failed",
        "Mine: its message cannot be read (SystemExit)",
    ),
    "str-is-long": Hostile("raise ValueError('x' * 50_000_000)", "failed", "ValueError: xxx"),
    "str-has-escapes": Hostile("raise ValueError('\\x1b[2J[/red] \\n x')", "failed", "Error: [/re"),
    "deep": Hostile("def f():\n    f()\nf()", "failed", "RecursionError"),
    "syntax": Hostile("this is no Python", "failed", "SyntaxError"),
    # Protocols, whose classes `bench` imports for their options.
    "protocol-raises": Hostile(
        offers('kind="protocol", target="h_protocols:nothing"', first=""), "ok"
    ),
    "protocol-is-odd": Hostile(offers('kind="protocol", target="h_odd_protocol:Odd"'), "ok"),
    # What is done to the process.
    "exit-at-once": Hostile("import os\nos._exit(3)", "failed", "ended with status 3 before"),
    "crash": Hostile("import os\nos.kill(os.getpid(), 9)", "failed", "killed by signal 9"),
    "exit-at-exit": Hostile(
        offers(first="import atexit, os\natexit.register(lambda: os._exit(3))"), "ok"
    ),
    "prints": Hostile(offers(first="print('spoilt')"), "ok", "writes to the terminal"),
    "prints-below": Hostile(offers(first="import os\nos.write(1, b'spoilt')"), "ok"),
    "closes": Hostile(offers(first="import os\nos.closerange(0, 3)"), "ok"),
    "reads": Hostile("input()", "failed", "EOF"),
    "builtins": Hostile(
        offers(first="import builtins\nbuiltins.print = builtins.input = None"),
        "ok",
        "changes built-in functions",
    ),
    "all-builtins": Hostile(
        "import builtins\nfor name in list(vars(builtins)):\n    vars(builtins)[name] = None\n",
        "failed",
        "",
    ),
    "chdir": Hostile(offers(first="import os\nos.chdir('/')"), "ok", "changes the working folder"),
    "filters": Hostile(
        offers(first="import warnings\nwarnings.simplefilter('error')"), "ok", "filters of warnings"
    ),
    "path": Hostile(offers(first="import sys\nsys.path.clear()"), "ok", "changes sys.path"),
    "modules": Hostile("import sys\nsys.modules.clear()", "failed", ""),
    "environment": Hostile(
        offers(first="import os\nos.environ['HSIZOO_HOME'] = '/nowhere'"),
        "ok",
        "changes environment variables",
    ),
    "signals": Hostile(
        offers(first="import signal\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)"),
        "ok",
        "changes handlers of signals",
    ),
    "thread": Hostile(
        offers(
            first="import threading, time\nthreading.Thread(target=time.sleep, args=[999]).start()"
        ),
        "ok",
    ),
    "trace": Hostile("import sys\nsys.settrace(1)\nsys.setrecursionlimit(1)", "failed", ""),
    "memory": Hostile("bytearray(6 * 2**30)", "failed", "MemoryError"),
    "asks-hsizoo": Hostile(offers(first="hsizoo.list_components()"), "ok"),
    "imports-numpy": Hostile(offers(first="import numpy"), "ok", "imports numpy"),
    "odd-module": Hostile(
        """
import sys
class Odd:
    def __getattr__(self, name):
        raise KeyboardInterrupt(name)
sys.modules[__name__] = Odd()
""",
        "failed",
        "KeyboardInterrupt",
    ),
    # The last ones share the time that hsizoo waits.
    "z-loop": Hostile("while True:\n    pass", "failed", f"within {SECONDS} s"),
    "z-sleep": Hostile(yields("import time\ntime.sleep(9999)"), "failed", f"within {SECONDS} s"),
    "z-deaf": Hostile(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(9999)",
        "failed",
        f"within {SECONDS} s",
    ),
    "z-child": Hostile(
        "import pathlib, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(9999)'])\n"
        "(pathlib.Path(__file__).parents[1] / 'child.pid').write_text(str(child.pid))\n"
        "import time\ntime.sleep(9999)",
        "failed",
        f"within {SECONDS} s",
    ),
}

ODD_PROTOCOL = """
import hsizoo

class Odd(hsizoo.Protocol):
    kinds, columns, folder_suffix = ("scorer",), (), ""
    legends = default_for = short_options = None

    def __init__(self, *anything, clicks=object(), **options):
        pass
"""

FINE = offers()
METADATA = "Metadata-Version: 2.1\nName: {}\nVersion: 1\n"
IMPOSTOR = "is hsizoo's name; delete "

# Name of the folder of metadata, METADATA, entry_points.txt, distribution as it is shown, row.
DAMAGED = {
    "no-metadata": ("h_no_metadata-1", None, "a = h_fine", "h-no-metadata", ("ok", "")),
    "no-name": ("h_no_name-1", b"Version: 1\n", "a = h_fine", "h-no-name", ("ok", "")),
    "metadata-latin": (
        "h_latin-1", b"Name: h-latin\nVersion: 1\nAuthor: \xe9\n", "a = h_fine", "h-latin",
        ("ok", ""),
    ),
    "points-latin": (
        "h_points-1", b"Name: h-points\nVersion: 1\n", b"a = h_fine\xe9", "h-points",
        ("failed", "expected 'name = package.module'"),
    ),
    "no-equals": (
        "h_equals-1", b"Name: h-equals\nVersion: 1\n", "h_fine", "h-equals",
        ("failed", "has the line 'h_fine'; expected"),
    ),
    "odd-target": (
        "h_target-1", b"Name: h-target\nVersion: 1\n", "a = [red]; rm", "h-target",
        ("failed", "expected 'name = package.module'"),
    ),
    "many-points": (
        "h_points_many-1", b"Name: h-points-many\nVersion: 1\n",
        "\n".join(f"p{n} = h_fine" for n in range(500)), "h-points-many",
        ("failed", "it has 500 entry points; expected at most 50"),
    ),
    "odd-name": (
        "h_odd-1", b"Name: \x1b[31m[/red]\nVersion: \x1b[2J1\n", "a = h_fine", "[/red]",
        ("failed", "is not the name of a distribution"),
    ),
    "upper": ("HSIZOO-9", b"Name: HSIZOO\nVersion: 9\n", "sa = h_fine", "HSIZOO",
              ("failed", IMPOSTOR)),
    "capital": ("Hsizoo-9", b"Name: Hsizoo\nVersion: 9\n", "sa = h_fine", "Hsizoo",
                ("failed", IMPOSTOR)),
    "same": ("hsizoo-9", b"Name: hsizoo\nVersion: 9\n", "sa = h_fine", "hsizoo",
             ("failed", IMPOSTOR)),
    "near": ("hs_izoo-9", b"Name: hs_izoo\nVersion: 9\n", "sa = h_near", "hs-izoo",
             ("ok", "'sa' is also hsizoo/sa")),
}  # fmt: skip


def install(site):
    """Put all hostile plugins into a folder, as pip would."""
    for package, code in (
        ("raising_package", RAISES),
        ("exiting_package", "import os; os._exit(5)"),
    ):
        (site / package).mkdir()
        (site / package / "__init__.py").write_text(code)
        (site / package / "inside.py").write_text("")
    group = "raise BaseExceptionGroup('many', [GeneratorExit()])"
    (site / "h_protocols.py").write_text(group)
    (site / "h_odd_protocol.py").write_text(ODD_PROTOCOL)
    (site / "h_fine.py").write_text(FINE.replace("NAME", "'fine'"))
    (site / "h_near.py").write_text(FINE.replace("NAME", "'sa'"))
    for name, hostile in PLUGINS.items():
        module = f"h_{name.replace('-', '_')}"
        (site / f"{module}.py").write_text(hostile.code.replace("NAME", repr(f"of-{name}")))
        distribution(site, f"h_{name}-1", METADATA.format(f"h-{name}").encode(), f"p = {module}")
    for folder, metadata, points, *_ in DAMAGED.values():
        distribution(site, folder, metadata, points)


def distribution(site, name, metadata, points):
    folder = site / f"{name}.dist-info"
    folder.mkdir()
    if metadata is not None:
        (folder / "METADATA").write_bytes(metadata)
    points = points if isinstance(points, bytes) else points.encode()
    (folder / "entry_points.txt").write_bytes(b"[hsizoo.plugins]\n" + points + b"\n")


class Zoo:
    """The command line where all hostile plugins are installed."""

    def __init__(self, folder):
        self.folder = folder
        self.site = folder / "site"
        self.site.mkdir()
        install(self.site)
        self._done = {}

    def __call__(self, *words, **environment):
        key = words, tuple(environment)
        if key not in self._done:
            self._done[key] = subprocess.run(
                [sys.executable, "-m", "hsizoo", *words],
                capture_output=True, text=True, check=False, timeout=600, cwd=self.folder,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join([str(self.site), *filter(None, sys.path)]),
                    "HSIZOO_HOME": str(self.folder / "home"),
                    "HSIZOO_OFFLINE": "1",
                    "HSIZOO_PLUGIN_SECONDS": str(SECONDS),
                    **environment,
                },
            )  # fmt: skip
        done = self._done[key]
        assert done.returncode == 0, done.stderr[-3000:]
        return done

    def rows(self):
        return {
            (row["dist"], row["name"]): row for row in json.loads(self("plugins", "--json").stdout)
        }


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    return Zoo(tmp_path_factory.mktemp("hostile"))


def own(rows):
    return [row for row in rows if row["dist"] == "hsizoo" and row["dist_version"] != "9"]


@pytest.mark.parametrize("name", PLUGINS)
def test_the_row_of_a_plugin_says_what_it_did(zoo, name):
    row, hostile = zoo.rows()[f"h-{name}", "p"], PLUGINS[name]
    assert row["status"] == hostile.status, row
    assert hostile.detail in row["detail"]
    assert len(row["detail"]) < 1000
    assert len(row["traceback"]) <= 20_001
    assert row["detail"].isprintable()
    assert bool(row["components"]) == (hostile.status == "ok")


@pytest.mark.parametrize("name", DAMAGED)
def test_the_row_of_a_damaged_distribution_says_what_is_wrong(zoo, name):
    *_, dist, (status, detail) = DAMAGED[name]
    (row,) = [
        row
        for row in json.loads(zoo("plugins", "--json").stdout)
        if row["dist"] == dist and row["name"] not in OURS
    ]
    assert row["status"] == status, row
    assert detail in f"{row['detail']}; {row['mend']}"


OURS = {
    "classifiers", "datasets", "ipg", "medsam", "protocols", "sam2", "samsa", "spectral",
}  # fmt: skip


def test_list_shows_what_it_shows_without_them(zoo):
    rows = json.loads(zoo("list", "--json").stdout)
    alone = json.loads(zoo("list", "--json", HSIZOO_NO_PLUGINS="1").stdout)
    assert own(rows) == own(alone) == alone
    assert {"sa", "sa-rw", "indian-pines"} <= {row["name"] for row in alone}
    offered = {row["full_name"]: row for row in rows}
    assert "h-prints/of-prints" in offered
    assert offered["h-requires-raising/of-requires-raising"]["missing"] == []
    assert offered["h-escapes/of-escapes"]["summary"] == "seen"
    assert offered["h-bidi/of-bidi"]["summary"] == "abcd"
    assert offered["h-line-breaks/of-line-breaks"]["summary"] == "one two three four"
    assert all(row["summary"].isprintable() and len(row["summary"]) <= 1001 for row in rows)


def test_list_prints_texts_as_they_are(zoo):
    done = zoo("list")
    assert "[bold]x[/] [/nothing] [red" in done.stdout
    assert ":warning: :x:" in done.stdout
    assert not set(done.stdout) & set("\x1b\x9b\u202e\u2066")
    assert "spoilt" not in done.stdout + done.stderr
    failed = [row for row in zoo.rows().values() if row["status"] == "failed"]
    assert f"{len(failed)} plugin(s) failed to load (HSIZOO, Hsizoo, [/red]" in done.stderr


def test_plugins_names_the_culprits(zoo):
    for words in (["plugins"], ["plugins", "-v"]):
        said = zoo(*words).stdout
        assert "KeyboardInterrupt" in said
        for name, hostile in PLUGINS.items():
            assert f"h-{name} 1" in said
            assert hostile.detail in said


def test_a_component_can_be_described_and_benched(zoo):
    assert zoo("info", "sa").stdout == zoo("info", "sa", HSIZOO_NO_PLUGINS="1").stdout
    done = zoo("bench", "sa", "-d", "phantom:height=32,width=32", "--clicks", "2")
    assert "sa" in done.stdout


def test_without_plugins_none_is_asked(zoo):
    done = zoo("plugins", "--json", HSIZOO_NO_PLUGINS="1", HSIZOO_HOME=str(zoo.folder / "other"))
    rows = json.loads(done.stdout)
    assert {row["status"] for row in rows if row["name"] in OURS} == {"ok"}
    assert {row["status"] for row in rows if row["name"] not in OURS} == {"disabled"}
    assert not (zoo.folder / "other").exists()


def test_what_differs_at_each_call_is_asked_once(zoo):
    named = [
        [row["name"] for row in json.loads(zoo(*words).stdout) if row["dist"] == "h-differs"]
        for words in (["list", "--json"], ["list", "--json", "--kind", "scorer"])
    ]
    assert named[0] == named[1]
    assert zoo.rows()["h-differs", "p"]["components"] == named[0]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_what_a_plugin_started_ends_with_it(zoo):
    zoo.rows()
    number = int((zoo.folder / "child.pid").read_text())
    try:
        command = Path(f"/proc/{number}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        command = b""
    assert command == b""  # also of one that nobody has waited for


@pytest.mark.slow
def test_doctor_names_the_culprits(zoo):
    rows = json.loads(zoo("doctor", "--json").stdout)
    checks = {row["what"]: row for row in rows}
    for name, hostile in PLUGINS.items():
        check = checks[f"plugin p (h-{name} 1)"]
        assert check["status"] == ("ok" if hostile.status == "ok" else "optional")
        assert hostile.detail in check["detail"]
    assert checks["plugin sa (HSIZOO 9)"]["mend"].startswith("delete ")
