"""Build the wheel and the source archive, and check what they hold: ``python tools/check_package.py dist``."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = "napari_contransgan"
NEEDED = ("napari.yaml", "py.typed", "models/weights/all.safetensors", "models/weights/all.card.yaml")
NEEDED_IN_SDIST = ("pyproject.toml", "LICENSE", "README.md", "CHANGELOG.md", "Makefile", "tools/pick_torch.py")
MOST_BYTES = 80_000_000


def missing_from_wheel(names: set[str], sources: set[str]) -> list[str]:
    """Return what a wheel lacks, or should not hold.

    Parameters
    ----------
    names : set of str
        Paths in the wheel.
    sources : set of str
        Paths of the package's files below ``src``.
    """
    faults = [f"lacks {name}" for name in sorted({*sources, *(f"{PACKAGE}/{name}" for name in NEEDED)} - names)]
    about = [name for name in names if ".dist-info/" in name]
    faults += [
        f"lacks {what}"
        for what in ("licenses/LICENSE", "entry_points.txt", "METADATA")
        if not any(name.endswith(what) for name in about)
    ]
    faults += [f"holds {name}" for name in sorted(names - set(about)) if not name.startswith(f"{PACKAGE}/")]
    return faults + [f"holds {name}" for name in sorted(names) if "__pycache__" in name]


def missing_from_sdist(names: set[str], sources: set[str]) -> list[str]:
    """Return what a source archive lacks.

    Parameters
    ----------
    names : set of str
        Paths in the archive, below its top folder.
    sources : set of str
        Paths of the package's files below ``src``.
    """
    needed = {*(f"src/{name}" for name in sources), *NEEDED_IN_SDIST}
    return [f"lacks {name}" for name in sorted(needed - names)]


def source_files() -> set[str]:
    """Return the files of the package, below ``src``."""
    found = (path for path in (ROOT / "src" / PACKAGE).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT / "src").as_posix() for path in found}


def main(out: Path) -> int:
    """Build both files into a folder, and print what is wrong with them."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own interpreter, no shell
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as file:
        faults = [f"{wheel.name}: {text}" for text in missing_from_wheel(set(file.namelist()), source_files())]
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        faults += [f"{sdist.name}: {text}" for text in missing_from_sdist(names, source_files())]
    faults += [f"{path.name}: is too large" for path in (wheel, sdist) if path.stat().st_size > MOST_BYTES]
    print("\n".join(faults) or f"{wheel.name} and {sdist.name} hold everything")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
