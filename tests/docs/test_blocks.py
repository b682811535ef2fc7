"""Code in documents is found, parsed and run; what is wrong with it is told with its line."""

import blocks
import pytest

DOCUMENT = """
# A page

<!-- setup:
echo 3 > number
-->

```sh
test "$(cat number)" = 3
```

```python
from pathlib import Path

value = int(Path("number").read_text())
```

Some text in between.

```python
Path("twice").write_text(str(2 * value))
```

<!-- not run: it would
end badly -->
```sh
exit 7
```

<!-- slow: takes an hour -->
```sh
touch slow
```

```
hsizoo list
```

```toml
a = 1
```
"""


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Write a document; returns its name."""

    def write(text):
        monkeypatch.setattr(blocks, "ROOT", tmp_path)
        (tmp_path / "page.md").write_text(text)
        (tmp_path / "work").mkdir(exist_ok=True)
        return "page.md"

    return write


def test_blocks_are_read_with_their_remarks(page):
    found = blocks.read(page(DOCUMENT))
    assert [(each.line, each.language, each.remark) for each in found] == [
        (4, "setup", ""), (8, "sh", ""), (12, "python", ""), (20, "python", ""),
        (26, "sh", "not run"), (31, "sh", "slow"), (35, "sh", ""), (39, "toml", ""),
    ]  # fmt: skip
    assert [each.reason for each in found if each.remark] == ["it would end badly", "takes an hour"]


def test_a_remark_is_about_the_next_fence_only(page):
    text = "<!-- not run: no -->\nwords\n```sh\ntrue\n```\n"
    assert [each.remark for each in blocks.read(page(text))] == [""]


@pytest.mark.parametrize("slow", [False, True])
def test_blocks_run_in_order_in_one_folder(page, tmp_path, slow):
    text = DOCUMENT.replace("hsizoo list", "true # python is no command of ours")
    done = blocks.run(page(text), tmp_path / "work", slow=slow)
    assert done[:4] == ["page.md:4", "page.md:8", "page.md:12", "page.md:20"]
    assert (tmp_path / "work" / "twice").read_text() == "6"
    assert (tmp_path / "work" / "slow").exists() == slow


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```sh\necho told >&2; false\ntrue\n```\n", "page.md:1: exit status 1(.|\n)*told"),
        ("x\n```python\n1 / 0\n```\n", "page.md:2: ZeroDivisionError"),
        ("```sh\nfalse | true\n```\n", "exit status 1"),
    ],
)
def test_a_block_that_fails_is_named(page, tmp_path, text, message):
    with pytest.raises(RuntimeError, match=message):
        blocks.run(page(text), tmp_path / "work")


def test_commands_of_a_block():
    code = (
        "A=1 hsizoo list --json | head\n"
        "cd x && hsizoo bench sa \\\n    --clicks 2  # few\n"
        "echo hsizoo\n"
        "cat > x <<'END'\nit's no command: hsizoo run\nEND\n"
        "hsizoo runs > all.txt\n"
    )
    assert list(blocks.commands(code)) == [
        ["list", "--json"],
        ["bench", "sa", "--clicks", "2"],
        ["runs"],
    ]


@pytest.mark.parametrize(
    "words",
    ["list --json", "bench sa --clicks 2 --dataset phantom", "data info phantom", "train --help"],
)
def test_what_can_be_typed_is_parsed(words):
    blocks.parse(words.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("bunch sa", "no command 'bunch'"),
        ("data look x", "no command 'look'"),
        ("bench sa --klicks 2", "No such option"),
        ("info", "Missing argument"),
    ],
)
def test_what_cannot_be_typed_is_told(words, message):
    with pytest.raises(ValueError, match=message):
        blocks.parse(words.split())
