"""``hsizoo report``: what is refused before anything is read."""

import subprocess
import sys

import pytest

from hsizoo.cli import main


@pytest.fixture
def run(monkeypatch):
    """``run("hsizoo-runs/phantom")``: the command's exit status."""

    def ended(*words):
        monkeypatch.setattr(sys, "argv", ["hsizoo", "report", *words])
        with pytest.raises(SystemExit) as found:
            main()
        return found.value.code

    return ended


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere"], "there is no run 'nowhere'"),
        (["nowhere", "--out", "page.pdf"], "page.pdf: the page is written as .html, not .pdf"),
        (["nowhere", "--out", "page"], "page: the page is written as .html, so name it page.html"),
        (["nowhere", "--out", "full"], "full is a folder; name a file"),
        (["nowhere", "--out", "full/thesis.txt/page.html"], "no folder"),
        (["nowhere", "--out", "~/page.html"], "only the shell replaces ~"),
        (["nowhere", "--out", "no/such/page.html"], "there is no run 'nowhere'"),
        (["nowhere", "--out", "page.html", "--bundle", "site"], "name --out or --bundle"),
        (["nowhere", "--bundle", "full"], "full has files and no report"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_written(
    words, told, run, tmp_path, monkeypatch, capsys
):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    monkeypatch.chdir(tmp_path)
    assert run(*words) == 2
    assert told in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "thesis.txt"]


def test_without_a_run_the_usage_is_told(run, capsys):
    assert run() == 2
    assert "RUN" in capsys.readouterr().err


def test_help_is_light():
    code = (
        "import sys\nfrom hsizoo.cli import main\n"
        "sys.argv = ['hsizoo', 'report', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "assert not {'torch', 'numpy', 'matplotlib', 'jinja2'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--baseline COMPONENT" in done.stdout
