"""The commands and the Python of the guides run as they are printed, page by page.

Blocks of a page run in order, in one empty folder. Numbers of steps and fields are cut down, and the demo runs only
once, so that this stays fast. A block that cannot run here has a comment ``<!-- not run: REASON -->`` above it.
"""

import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from napari_contransgan.cli import app

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDES = ("adapt.md", "measure.md", "microscope.md", "predict.md", "simulation.md", "tie.md", "training.md")
PAGES = sorted([*DOCS.glob("tutorials/*.md"), *DOCS.glob("how-to/*.md"), *(DOCS / name for name in GUIDES)])
BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^>]*?) *-->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
FILE_NAME = re.compile(r"# (\S+\.yaml)\n")
PROGRAM = "napari-contransgan"
MOST = {"--steps": 1, "--count": 2}
"""Smaller numbers that show as well that a command runs."""

QUICK = {
    "train": {"--preset": "tiny", "--workers": "0"},
    "adapt": {"--steps": "1", "--replay": "1", "--simulated": "0"},
}
"""A small network, no other process that would have to load PyTorch first, and few steps and images."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, and the line where its text begins."""

    language: str
    text: str
    first_line: int
    reason: str | None


def blocks_of(markdown: str) -> Iterator[Block]:
    for match in BLOCK.finditer(markdown):
        first_line = markdown.count("\n", 0, match.start("text")) + 1
        yield Block(match["language"], match["text"], first_line, match["reason"])


def commands_of(text: str) -> list[list[str]]:
    lines = text.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def matched(words: list[str]) -> list[str]:
    """Replace names with an asterisk by those of the files there are, as a shell does."""
    return [name for word in words for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]


def shortened(words: list[str]) -> list[str]:
    values = [words[0]]
    for option, value in pairwise(words):
        values.append(str(min(int(value), MOST[option])) if option in MOST else value)
    for option, value in QUICK.get(values[0], {}).items():
        values += [] if option in values else [option, value]
    return values


def run_commands(block: Block, page: str, demo: Path) -> None:
    for program, *words in commands_of(block.text):
        where = f"{page}, line {block.first_line}: {program} {shlex.join(words)}"
        assert program == PROGRAM, f"{where}: mark this block as not run"
        if words[:2] == ["demo", "--out"] and len(words) == 3:
            made_by_demo(demo, Path(words[2]))
            continue
        result = CliRunner().invoke(app, shortened(matched(words)))
        assert result.exit_code == 0, f"{where}: {result.stderr}"


def made_by_demo(demo: Path, out: Path) -> None:
    """Copy what the demo makes, which it has to make only once."""
    if not demo.exists():
        result = CliRunner().invoke(app, ["demo", "--out", str(demo)])
        assert result.exit_code == 0, result.stderr
    shutil.copytree(demo, out)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the demo runs once it is needed."""
    return tmp_path_factory.mktemp("demo") / "output"


def run_python(block: Block, path: Path, names: dict[str, Any]) -> None:
    source = "\n" * (block.first_line - 1) + block.text  # so that a traceback names the line of the page
    exec(compile(source, path, "exec"), names)  # noqa: S102 - our own documentation


def write_named_file(block: Block) -> None:
    if name := FILE_NAME.match(block.text):
        fewer = re.sub(r"^count: \d+$", f"count: {MOST['--count']}", block.text, flags=re.MULTILINE)
        Path(name[1]).write_text(fewer, encoding="utf-8")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_blocks_of_a_guide_run(path: Path, tmp_path: Path, demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks_of(path.read_text(encoding="utf-8")):
        if block.reason is not None:
            continue
        if block.language == "sh":
            run_commands(block, path.name, demo)
        elif block.language == "python":
            run_python(block, path, names)
        elif block.language == "yaml":
            write_named_file(block)


def test_blocks_that_do_not_run_are_few_and_say_why() -> None:
    blocks = [block for path in PAGES for block in blocks_of(path.read_text(encoding="utf-8"))]
    left_out = [block.reason for block in blocks if block.reason is not None]
    runnable = [block for block in blocks if block.language in {"sh", "python"}]
    assert all(left_out)
    assert len(left_out) < len(runnable) / 4


class TestReadingOfBlocks:
    """The blocks that the test above takes from a page."""

    PAGE = """Text.

```sh
napari-contransgan tie stack.tif \\
    --out phase.tif   # a remark
```

<!-- not run: needs a cluster -->
```sh
dask scheduler
```
"""

    def test_finds_every_block_and_the_reason_why_it_does_not_run(self) -> None:
        first, second = blocks_of(self.PAGE)
        assert (first.language, first.first_line, first.reason) == ("sh", 4, None)
        assert (second.text, second.reason) == ("dask scheduler\n", "needs a cluster")

    def test_joins_continued_lines_and_drops_remarks(self) -> None:
        first, _ = blocks_of(self.PAGE)
        assert commands_of(first.text) == [[PROGRAM, "tie", "stack.tif", "--out", "phase.tif"]]

    def test_cuts_numbers_down(self) -> None:
        assert shortened(["simulate", "--count", "200"]) == ["simulate", "--count", "2"]
        assert shortened(["simulate", "--count", "1"]) == ["simulate", "--count", "1"]
        quick = ["train", "--steps", "1", "--preset", "tiny", "--workers", "0"]
        assert shortened(["train", "--steps", "3000"]) == quick
        assert shortened(["train", "--steps", "30", "--preset", "tiny"]) == quick

    def test_takes_the_files_that_a_name_with_an_asterisk_fits(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        for name in ("b.tif", "a.tif", "c.csv"):
            Path(name).touch()
        assert matched(["predict", "*.tif", "--out", "new"]) == ["predict", "a.tif", "b.tif", "--out", "new"]

    def test_a_command_that_fails_fails_the_test(self, demo: Path) -> None:
        with pytest.raises(AssertionError, match=r"page.md, line 7: napari-contransgan tie absent.tif"):
            run_commands(Block("sh", "napari-contransgan tie absent.tif --out x.tif\n", 7, None), "page.md", demo)

    def test_another_program_must_be_marked(self, demo: Path) -> None:
        with pytest.raises(AssertionError, match="mark this block as not run"):
            run_commands(Block("sh", "make app\n", 1, None), "page.md", demo)
