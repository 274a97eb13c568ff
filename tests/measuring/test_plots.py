"""Plots show the numbers they were given."""

import numpy as np
import pytest
import tifffile
from tests.measuring.scenes import dome, phase_map

from napari_contransgan.drawing import save_figure
from napari_contransgan.errors import InputError
from napari_contransgan.evaluation import BeadHeight, compare
from napari_contransgan.measuring import Growth, Profile
from napari_contransgan.measuring.plots import (
    MOST_NAMED,
    draw_bead_heights,
    draw_comparison,
    draw_growth,
    draw_profiles,
)

LINE_UM = np.linspace(0, 10, 11)


def growth(track=1, in_hours=True):
    mass_pg = np.array([10.0, 11.0, 12.0])
    return Growth(track, np.arange(3.0), in_hours, mass_pg, np.full(3, 0.5), 1.0, 0.1)


def test_a_profile_has_one_named_curve_for_each_map():
    (axes,) = draw_profiles([Profile("a", LINE_UM, LINE_UM), Profile("b", LINE_UM, 2 * LINE_UM)]).axes
    first, second = axes.lines
    assert second.get_ydata() == pytest.approx(2 * first.get_ydata())
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


def test_many_curves_have_no_legend():
    many = [Profile(str(number), LINE_UM, LINE_UM) for number in range(MOST_NAMED + 1)]
    assert draw_profiles(many).axes[0].get_legend() is None
    assert draw_growth([growth(number) for number in range(MOST_NAMED + 1)]).axes[0].get_legend() is None


def test_growth_is_drawn_over_hours_or_frames_with_its_errors():
    (axes,) = draw_growth([growth()]).axes
    assert axes.get_xlabel() == "time (h)"
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (9.5, 12.5)
    assert draw_growth([growth(in_hours=False)]).axes[0].get_xlabel() == "frame"


def test_the_legend_of_growth_hides_no_curve():
    figure = draw_growth([growth(track) for track in range(MOST_NAMED)])
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert axes.get_legend().get_window_extent().x0 >= axes.get_window_extent().x1


@pytest.mark.parametrize("heights_um", [[3.0], [3.0, 3.0], [2.9, 3.0, 3.1, 3.0]])
def test_the_histogram_counts_every_bead(heights_um):
    (axes,) = draw_bead_heights([BeadHeight(0.0, 0.0, height, 1.5) for height in heights_um]).axes
    assert sum(bar.get_height() for bar in axes.patches) == len(heights_um)
    assert axes.get_title().startswith(f"{len(heights_um)} beads: 3 ±")


def test_the_comparison_draws_the_slope():
    cell = dome((64, 64), (16.0, 16.0), (8.0, 8.0), 1.5)
    found = compare(phase_map(0.5 * cell), phase_map(cell))
    equal, fitted = draw_comparison(found, ("half", "whole")).axes[0].lines
    assert equal.get_ydata()[-1] == pytest.approx(1.5, rel=0.01)
    assert fitted.get_ydata()[-1] == pytest.approx(0.75, rel=0.01)


def test_plots_are_saved_as_png_svg_or_tiff_and_nothing_else(tmp_path):
    figure = draw_growth([growth()])
    save_figure(tmp_path / "a.png", figure)
    save_figure(tmp_path / "a.SVG", figure)
    save_figure(tmp_path / "a.tif", figure)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.pages[0].shape == (640, 960, 3)
        assert tif.pages[0].tags["XResolution"].value == (200, 1)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "dry mass (pg)</text>" in (tmp_path / "a.SVG").read_text()
    with pytest.raises(InputError, match=r"a\.pdf: figures are saved as PNG, SVG or TIFF"):
        save_figure(tmp_path / "a.pdf", figure)
