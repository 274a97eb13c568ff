"""The conda-forge recipe says the same as pyproject.toml."""

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {"dask[array]": "dask-core", "matplotlib": "matplotlib-base", "torch": "pytorch"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RECIPE = yaml.safe_load((ROOT / "packaging/recipe.yaml").read_text(encoding="utf-8"))


def in_conda(requirement: str) -> str:
    """Return a requirement of pip as one of conda."""
    name, bound = re.fullmatch(r"([\w\-.]+(?:\[\w+\])?)(>=[\d.]+)", requirement).groups()  # type: ignore[union-attr]
    return f"{CONDA_NAMES.get(name, name)} {bound}"


def test_it_needs_what_the_package_needs() -> None:
    python, *needed = RECIPE["requirements"]["run"]
    assert python == "python >=${{ python_min }}"
    assert sorted(needed) == sorted(map(in_conda, PROJECT["dependencies"]))


def test_optional_packages_have_the_bounds_of_the_extras() -> None:
    extras = {one for name, extra in PROJECT["optional-dependencies"].items() if name != "all" for one in extra}
    assert sorted(RECIPE["requirements"]["run_constraints"]) == sorted(map(in_conda, extras))


def test_version_command_summary_and_licence_are_those_of_the_package() -> None:
    assert RECIPE["context"]["version"] == PROJECT["version"]
    assert RECIPE["package"]["name"] == PROJECT["name"]
    assert [f"{name} = {place}" for name, place in PROJECT["scripts"].items()] == RECIPE["build"]["python"][
        "entry_points"
    ]
    about = RECIPE["about"]
    assert (about["summary"], about["license"]) == (PROJECT["description"], PROJECT["license"])
    assert (ROOT / about["license_file"]).is_file()
