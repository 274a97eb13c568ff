"""Compare the versions installed here with the lower bounds in pyproject.toml: ``python tools/check_lowest.py``.

The tests in this environment are about the bounds only if they are what is installed.
"""

import sys
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]


def requirements() -> list[str]:
    """Return the requirements of the package and of its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = (text for extra in project["optional-dependencies"].values() for text in extra)
    return sorted({*project["dependencies"], *extras})


def different(texts: Iterable[str]) -> list[str]:
    """Return a line for each requirement whose lower bound is not the installed version.

    Parameters
    ----------
    texts : iterable of str
        Requirements, each with one lower bound, such as ``numpy>=1.26``.
    """
    lines = []
    for requirement in map(Requirement, texts):
        (bound,) = (Version(part.version) for part in requirement.specifier if part.operator == ">=")
        installed = Version(Version(metadata.version(requirement.name)).public)
        if installed != bound:
            lines.append(f"{requirement.name}: the lower bound is {bound}, but {installed} is installed")
    return lines


def main() -> int:
    """Print what differs, and return the exit status."""
    lines = different(requirements())
    print("\n".join(lines) or "The installed versions are the lower bounds of pyproject.toml")
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
