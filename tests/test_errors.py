"""Errors that a user can fix: the source in the message, and replacing it."""

import ast
import copy
import re
from pathlib import Path

import pytest

import napari_contransgan
from napari_contransgan.errors import InputError, UnusableFrameError, errors_named

ROOT = Path(napari_contransgan.__file__).parent


def test_the_message_begins_with_the_source() -> None:
    error = InputError("holds no image: export it again", source="cell.tif")
    assert str(error) == "cell.tif: holds no image: export it again"
    assert (error.source, error.reason) == ("cell.tif", "holds no image: export it again")
    assert str(InputError("no image was given")) == "no image was given"


@pytest.mark.parametrize("source", [None, "cell", "/data/cell.tif"])
def test_a_name_of_the_same_image_is_replaced(source: str | None) -> None:
    error = InputError("is empty", source=source).named("/data/cell.tif", instead_of="cell")
    assert str(error) == "/data/cell.tif: is empty"


def test_another_source_is_kept_in_the_message() -> None:
    error = UnusableFrameError("is too small", source="flat.tif", hint="flip_z").named("cell.tif")
    assert str(error) == "cell.tif: flat.tif: is too small"
    assert isinstance(error, UnusableFrameError)
    assert error.hint == "flip_z"


def test_a_path_is_added_to_an_error_that_names_only_the_image() -> None:
    with pytest.raises(InputError, match=r"^/data/cell\.tif: is empty$"), errors_named(Path("/data/cell.tif"), "cell"):
        raise InputError("is empty", source="cell")
    with pytest.raises(InputError, match=r"^2 planes of /data/cell\.tif"), errors_named(Path("/data/cell.tif"), "cell"):
        raise InputError("2 planes of /data/cell.tif are damaged")


def test_a_copy_is_whole_as_when_an_error_comes_from_another_process() -> None:
    error = copy.copy(InputError("is empty", source="cell.tif", hint="resume"))
    assert str(error) == "cell.tif: is empty"
    assert (error.source, error.reason, error.hint) == ("cell.tif", "is empty", "resume")


def test_no_message_of_the_core_names_an_option() -> None:
    """Check texts outside the command line and the GUI; the dask scheduler's own commands are allowed."""
    texts = [
        (path, node.value)
        for path in ROOT.rglob("*.py")
        if path.relative_to(ROOT).parts[0] not in ("cli", "gui") and path.name != "cluster.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "``--" not in node.value
    ]
    assert not [(path.name, text) for path, text in texts if re.search(r"(?<![-\w])--[a-z]", text)]
