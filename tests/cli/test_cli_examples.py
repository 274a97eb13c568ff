"""The examples in the help and in the documentation."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from napari_contransgan.io import write_image
from napari_contransgan.simulation import sample_frame

COMMANDS = ["demo", "simulate", "tie", "tile", "train", "predict", "evaluate"]

COMMANDS += ["models list", "models show", "models export"]

Call = Callable[..., Result]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_an_example_of_the_command(call: Call, name: str) -> None:
    lines = [line + " " for line in call(*name.split(), "--help").stdout.splitlines()]
    assert any(line.startswith(f"    napari-contransgan {name} ") for line in lines)


def test_the_examples_run_one_after_the_other(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_image(Path("demo-output/sample_frame_10x.ome.tif"), sample_frame())  # the demo itself has tests of its own
    for name in COMMANDS[1:]:
        help_text = call(*name.split(), "--help").stdout
        example = re.search(r"Example:\s+napari-contransgan (.*)", help_text).group(1)
        if name == "train":
            example = example.replace("--steps 200", "--steps 1 --preset tiny")
        result = call(*shlex.split(example))
        assert result.exit_code == 0, (example, result.stderr)
        assert "training crop" not in result.stderr, "the example's tiles must do for training"


def test_the_page_of_the_command_line_shows_the_examples_of_the_help(call: Call) -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "command-line.md"
    text = " ".join(page.read_text(encoding="utf-8").split())
    for name in ("demo", "simulate", "tie", "tile", "predict", "train"):
        example = re.search(r"Example:\s+(napari-contransgan .*)", call(name, "--help").stdout).group(1)
        assert " ".join(example.split()) in text
