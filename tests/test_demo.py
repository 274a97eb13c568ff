"""The demo runs the whole workflow."""

import json
from pathlib import Path

import pytest

from napari_contransgan.demo import RESULTS, run_demo
from napari_contransgan.io import find_images, read_image
from napari_contransgan.progress import result_of


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, float]]]:
    out = tmp_path_factory.mktemp("demo") / "out"
    return out, result_of(run_demo(out))


def test_the_demo_leaves_images_with_units_tiles_a_picture_and_figures(demo: tuple[Path, dict]) -> None:
    out, figures = demo
    for name in RESULTS:
        assert read_image(out / name).pixel_size_um is not None
    assert read_image(out / "sample_frame_10x_phase.ome.tif").quantity == "phase"
    assert len(find_images(out / "tiles")) == 16
    assert (out / "summary.png").stat().st_size > 100_000
    assert json.loads((out / "figures.json").read_text())["predict"] == figures["predict"]


def test_the_demo_s_tie_is_quantitative(demo: tuple[Path, dict]) -> None:
    tie = demo[1]["tie"]
    assert 0.97 <= tie["slope"] <= 1.03
    assert tie["psnr_db"] > tie["psnr_zero_db"] + 10


def test_the_demo_s_prediction_beats_an_empty_image(demo: tuple[Path, dict]) -> None:
    predict = demo[1]["predict"]
    assert predict["ssim"] > predict["ssim_zero"]
    assert predict["psnr_db"] > predict["psnr_zero_db"] + 3
    assert 0.8 <= predict["slope"] <= 1.2
