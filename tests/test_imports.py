"""Imports go in one direction, and load no GUI or PyTorch where they are not needed."""

import ast
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import napari_contransgan

PACKAGE = "napari_contransgan"
ROOT = Path(napari_contransgan.__file__).parent

RANKS = {
    **dict.fromkeys(("errors", "progress", "optics", "config", "io", "plain_files"), 0),
    **dict.fromkeys(("resampling", "robust", "threads", "processes", "counts", "unlit", "notes", "cluster"), 0),
    **dict.fromkeys(("tie", "tiles", "simulation", "evaluation", "surface", "quantities", "batches"), 1),
    **dict.fromkeys(("models", "drawing", "measuring"), 2),
    **dict.fromkeys(("training", "inference", "stacks", "figures"), 3),
    **dict.fromkeys(("held_out", "adapting"), 4),
    **dict.fromkeys(("api", "demo", "reproduction"), 5),
    **dict.fromkeys(("cli", "gui"), 6),
}
LIGHT = (
    *("optics", "config", "errors", "progress", "io", "resampling", "robust"),
    *("counts", "unlit", "notes", "plain_files", "cluster"),
    *("tie", "tiles", "evaluation", "surface", "quantities", "measuring", "api", "cli"),
)


def modules() -> list[str]:
    return [module.name for module in pkgutil.walk_packages([str(ROOT)], prefix=f"{PACKAGE}.")]


def part_of(module: str) -> str:
    """First name below the package, such as ``tie`` of ``napari_contransgan.tie.poisson``."""
    return ([*module.split("."), ""])[1]


def imports_of(path: Path) -> Iterator[str]:
    """Return the full names that a source file imports from this package, also inside functions."""
    own = [PACKAGE, *path.relative_to(ROOT).with_suffix("").parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(own[: len(own) - node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            if module.split(".")[0] == PACKAGE:
                yield from (f"{module}.{alias.name}" for alias in node.names)


def edges() -> Iterator[tuple[Path, str]]:
    """Each source file with the module, as far as it is one, that it imports from this package."""
    known = {PACKAGE, *modules()}
    for path in sorted(ROOT.rglob("*.py")):
        for name in imports_of(path):
            yield path, name if name in known else name.rpartition(".")[0]


def import_in_a_fresh_process(names: list[str], unwanted: tuple[str, ...]) -> None:
    code = (
        f"import importlib, sys\n"
        f"for name in {names!r}:\n"
        f"    importlib.import_module(name)\n"
        f"    found = sorted({{module.split('.')[0] for module in sys.modules}} & set({unwanted!r}))\n"
        f"    assert not found, (name, found)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr


def test_napari_and_qt_stay_out_of_everything_but_gui() -> None:
    names = [name for name in modules() if part_of(name) != "gui"]
    assert f"{PACKAGE}.cli.app" in names
    import_in_a_fresh_process(names, ("napari", "qtpy", "PyQt5", "PyQt6", "PySide6", "vispy", "magicgui", "superqt"))


def test_torch_stays_out_of_the_light_half() -> None:
    names = [name for name in modules() if part_of(name) in LIGHT]
    import_in_a_fresh_process([PACKAGE, *names], ("torch", "timm", "torchvision"))


def test_every_module_has_its_place() -> None:
    assert {part_of(name) for name in modules()} <= RANKS.keys()


def test_imports_run_one_way() -> None:
    wrong = []
    for path, name in edges():
        importer, imported = part_of(f"{PACKAGE}.{path.relative_to(ROOT).with_suffix('').parts[0]}"), part_of(name)
        if importer in RANKS and imported and imported != importer and RANKS[imported] > RANKS[importer]:
            wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


def test_no_part_imports_itself_through_another() -> None:
    reached: dict[str, set[str]] = {}
    for path, name in edges():
        importer, imported = path.relative_to(ROOT).with_suffix("").parts[0], part_of(name)
        if imported and imported != importer:
            reached.setdefault(importer, set()).add(imported)
    while True:
        more = {part: set().union(*(reached.get(other, set()) for other in others)) for part, others in reached.items()}
        if all(more[part] <= others for part, others in reached.items()):
            break
        reached = {part: others | more[part] for part, others in reached.items()}
    assert [part for part, others in reached.items() if part in others] == []


@pytest.mark.parametrize(("one", "other"), [("cli", "gui"), ("gui", "cli")])
def test_the_window_and_the_command_line_do_not_know_each_other(one: str, other: str) -> None:
    wrong = [
        f"{path} imports {name}" for path, name in edges() if path.is_relative_to(ROOT / one) and part_of(name) == other
    ]
    assert wrong == []


KNOWS = {"train": {"runs"}}
"""Imports between features that are allowed: a training is a run and is shown as one."""


def arrows_of_the_window() -> set[tuple[str, str]]:
    """Return pairs of folders of ``gui`` of which one imports the other; a module next to the folders counts as one."""
    gui = ROOT / "gui"
    found = set()
    for path, name in edges():
        if path.is_relative_to(gui) and part_of(name) == "gui":
            importer = path.relative_to(gui).with_suffix("").parts[0]
            imported = ([*name.split("."), ""])[2]
            if imported and imported != importer:
                found.add((importer, imported))
    return found


def test_features_of_the_window_know_only_what_they_share() -> None:
    arrows = arrows_of_the_window()
    assert ("tie", "shared") in arrows
    assert [one for one in arrows if one[1] not in {"shared"} | KNOWS.get(one[0], set())] == []
    assert len(arrows) <= 12


def test_everything_of_the_window_is_in_the_folder_of_its_feature() -> None:
    assert [path.name for path in (ROOT / "gui").glob("*.py")] == ["__init__.py"]


def test_this_test_sees_imports_however_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tie").mkdir()
    source = tmp_path / "tie" / "x.py"
    source.write_text(
        f"import {PACKAGE}.gui.shared.layers\nfrom {PACKAGE} import cli\nfrom .. import models\n"
        f"from ..training import train\n"
        f"def late():\n    from {PACKAGE}.inference import predict\nimport numpy\n"
    )
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    assert {part_of(name) for name in imports_of(source)} == {"gui", "cli", "models", "training", "inference"}
