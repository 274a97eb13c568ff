"""Every example runs, and its notebook has the same cells."""

import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path), run_name="__main__")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_notebook_has_the_cells_of_its_script(path: Path) -> None:
    notebook_of = runpy.run_path(str(ROOT / "tools" / "notebooks.py"))["notebook_of"]
    expected = notebook_of(path.read_text(encoding="utf-8"))
    written = path.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert json.loads(written) == json.loads(expected), "run python tools/notebooks.py"
