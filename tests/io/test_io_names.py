"""The names of results."""

from pathlib import Path

import pytest

from napari_contransgan.errors import InputError
from napari_contransgan.io.names import next_to, results_in


def test_results_are_named_after_their_images() -> None:
    images = [Path("day1/a.ome.tif"), Path("b.c.tiff")]
    assert results_in(Path("out"), images, "phase") == [Path("out/a_phase.ome.tif"), Path("out/b.c_phase.ome.tif")]


def test_two_results_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="rename one"):
        results_in(Path("out"), [Path("a.ome.tif"), Path("a.tif")], "phase")


def test_what_belongs_to_an_output_is_named_after_it() -> None:
    assert next_to(Path("out/a.ome.tif"), "uncertainty") == Path("out/a_uncertainty.ome.tif")
    assert next_to(Path("a.b.tif"), "height") == Path("a.b_height.tif")
