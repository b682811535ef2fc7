"""Links of the built site are followed, to the anchor."""

import check
import pytest


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A site of two pages."""
    monkeypatch.setattr(check, "SITE", tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.html").write_text('<h1 id="top">B</h1><img src="../a.png">')

    def write(text):
        (tmp_path / "a.html").write_text(text)
        (tmp_path / "a.png").touch()

    return write


def test_links_that_lead_somewhere(site):
    site(
        '<a id="here" href="#here">1</a> <a href="sub/b.html#top">2</a> <a href="sub/b.html">3</a> '
        '<a href="https://example.org/nowhere">4</a> <a href="mailto:x@example.org">5</a>'
    )
    assert check.broken_links() == []
    assert check._outside()[0] == "https://example.org/nowhere"


@pytest.mark.parametrize("link", ["#there", "sub/b.html#bottom", "sub/c.html", "../a.html#x"])
def test_links_that_lead_nowhere(site, link):
    site(f'<a id="here" href="{link}">1</a>')
    assert check.broken_links() == [f"a.html: {link}"]


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_its_quick_blocks_run(monkeypatch, capsys):
    pytest.importorskip("myst_parser", reason="pip install '.[docs]'")
    monkeypatch.setattr("sys.argv", ["check.py"])
    check.main()
    assert "in order" in capsys.readouterr().out
