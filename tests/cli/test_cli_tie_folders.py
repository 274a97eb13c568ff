"""The command tie with folders, patterns and several stacks."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from napari_contransgan.io import Image, read_image, write_image

Call = Callable[..., Result]
Json = Callable[..., dict[str, Any]]


@pytest.fixture
def small(hela: Path) -> Image:
    image = read_image(hela / "stack" / "0000.ome.tif")
    return replace(image, data=image.data[:, :128, :160])


def test_folders_and_patterns_are_done_file_by_file_and_what_is_no_stack_is_skipped(
    call: Call, call_for_json: Json, small: Image, tmp_path: Path
) -> None:
    source = tmp_path / "in"
    for name in ("a", "b"):
        write_image(source / f"{name}.tif", small)
    (source / "c.tif").write_text("no image")
    result = call("tie", source, "--out", source, "--also", "uncertainty", "--json")
    assert result.exit_code == 0
    assert f"skipped: {source / 'c.tif'}: is not a TIFF file" in result.stderr
    figures = json.loads(result.stdout)
    assert (figures["count"], figures["retrieved_earlier"]) == (2, 0)
    assert figures["images"][0]["phase"] == str(source / "a_phase.ome.tif")
    again = call_for_json("tie", f"{source}/[a-b]*.tif", "--out", source, "--also", "uncertainty", "--workers", 2)
    assert (again["count"], again["retrieved_earlier"], again["skipped"]) == (2, 2, [])
    named = call_for_json("tie", source / "a.tif", source / "b.tif", "--out", tmp_path / "other")
    assert [Path(one["phase"]).name for one in named["images"]] == ["a_phase.ome.tif", "b_phase.ome.tif"]


@pytest.mark.parametrize(("out", "words"), [("one.tif", "give a folder"), ("other", "none of 1 images")])
def test_a_folder_without_a_usable_stack_or_a_place_for_its_results_is_refused(
    call: Call, tmp_path: Path, out: str, words: str
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "c.tif").write_text("no image")
    result = call("tie", tmp_path / "in", "--out", tmp_path / out)
    assert result.exit_code == 2
    assert words in result.stderr
