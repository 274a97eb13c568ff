"""A copy of the package whose functions exist in many variants, each with one small fault, made by mutmut."""

import difflib
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = Path("src/napari_contransgan")
MUTATED = ("tie", "tiles", "io", "models/checkpoint.py")
FOLDERS = tuple(Path(name).parts[0] for name in MUTATED)
NAMES = ".mutants.json"


def make(tree: Path, folders: Sequence[str]) -> None:
    """Make the copy, or go on with one that is there.

    Parameters
    ----------
    tree : Path
        Folder of the copy.
    folders : sequence of str
        Folders of the package whose functions get variants.
    """
    from mutmut.mutation.file_mutation import mutate_file_contents

    if not (tree / "pyproject.toml").is_file():
        shutil.rmtree(tree, ignore_errors=True)
        for name in ("src", "tests", "benchmarks"):
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copyfile(ROOT / "pyproject.toml", tree / "pyproject.toml")
    for path in _mutated(tree, folders):
        names = path.with_suffix(NAMES)
        if not names.is_file():
            module = ".".join(path.relative_to(tree / "src").with_suffix("").parts).removesuffix(".__init__")
            mutated = mutate_file_contents(str(path), (ROOT / path.relative_to(tree)).read_text(encoding="utf-8"))
            path.write_text(mutated.code, encoding="utf-8")
            names.write_text(json.dumps([f"{module}.{name}" for name in mutated.mutant_names]), encoding="utf-8")


def mutants(tree: Path, folders: Sequence[str]) -> list[str]:
    """Return the names of all mutants of some folders of a copy: module, function and number."""
    found = (json.loads(path.with_suffix(NAMES).read_text(encoding="utf-8")) for path in _mutated(tree, folders))
    return sorted(name for names in found for name in names)


def tests_of(tree: Path, mutant: str) -> list[str]:
    """Return the files of the tests that mirror a mutant's folder; those that name its function or module are first."""
    found = re.fullmatch(r"napari_contransgan\.(\w+)\.?(\w*)\.x.?(.+)__mutmut_\d+", mutant)
    if found is None:
        raise ValueError(mutant)
    folder, stem, function = found.groups()
    words = [re.compile(rf"\b{re.escape(word)}\b") for word in (function.split("ǁ")[-1], stem) if word]
    texts = {path: path.read_text(encoding="utf-8") for path in (tree / "tests" / folder).glob("test_*.py")}
    if folder == "models":
        texts = {path: text for path, text in texts.items() if "checkpoint" in path.name}

    def order(path: Path) -> tuple[int, ...]:
        return *(-len(word.findall(texts[path])) for word in words), len(texts[path])

    return [path.relative_to(tree).as_posix() for path in sorted(texts, key=order)]


def difference(tree: Path, mutant: str) -> str:
    """Return how a mutant differs from the original function."""
    module, _, name = mutant.rpartition(".")
    text = (tree / "src" / Path(*module.split("."))).with_suffix(".py").read_text(encoding="utf-8")
    original = re.sub(r"_\d+$", "_orig", name)
    bodies: list[list[str]] = []
    for one in (original, name):
        found = re.search(rf"^( *)def {re.escape(one)}\(.*?(?=^\1[\w@]|\Z)", text, re.MULTILINE | re.DOTALL)
        bodies.append(found.group().rstrip().replace(one, "function").splitlines() if found else [])
    changed = difflib.unified_diff(bodies[0], bodies[1], lineterm="", n=1)
    return "\n".join(line for line in changed if not line.startswith(("---", "+++")))


def _mutated(tree: Path, folders: Sequence[str]) -> list[Path]:
    found: list[Path] = []
    for name in (name for name in MUTATED if Path(name).parts[0] in folders):
        path = tree / PACKAGE / name
        found += [path] if path.is_file() else path.glob("*.py")
    return sorted(found)
