"""The commands predict and tile handle dark levels, frames without light, and doubts about a file."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import Result

from napari_contransgan.cli import commands_images
from napari_contransgan.io import Image, read_image, write_image

Call = Callable[..., Result]
Json = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def frame(hela: Path) -> Image:
    image = read_image(hela / "lr" / "0000.ome.tif")
    return replace(image, data=image.data[:80, :96])


def test_predict_takes_the_dark_level_as_a_number_or_a_picture(
    call_for_json: Json, frame: Image, run_folder: Path, tmp_path: Path
) -> None:
    write_image(tmp_path / "plain.tif", frame)
    write_image(tmp_path / "raised.tif", replace(frame, data=frame.data + np.uint16(100)))
    write_image(tmp_path / "dark.tif", Image(np.full((2, 80, 96), 100, np.uint16), "TYX"))
    plain, *others = (
        call_for_json("predict", tmp_path / name, "--out", tmp_path / f"{key}.ome.tif", "--model", run_folder, *options)
        for key, name, options in (
            ("a", "plain.tif", []),
            ("b", "raised.tif", ["--dark", "100"]),
            ("c", "raised.tif", ["--dark", tmp_path / "dark.tif"]),
        )
    )
    expected = read_image(tmp_path / "a.ome.tif").data
    for key, figures, recorded in zip("bc", others, (100.0, str(tmp_path / "dark.tif")), strict=True):
        np.testing.assert_allclose(read_image(tmp_path / f"{key}.ome.tif").data, expected, atol=1e-4)
        assert figures["images"][0]["settings"]["dark"] == recorded
    assert plain["images"][0]["settings"]["dark"] == 0.0


@pytest.mark.parametrize(
    ("dark", "message"),
    [("60000", "leaves nothing of the bright level"), ("nowhere.tif", "no such file"), ("inf", "finite number")],
)
def test_predict_refuses_a_dark_level_that_cannot_be(
    call: Call, frame: Image, run_folder: Path, tmp_path: Path, dark: str, message: str
) -> None:
    write_image(tmp_path / "plain.tif", frame)
    result = call("predict", tmp_path / "plain.tif", "--out", tmp_path / "a.tif", "--model", run_folder, "--dark", dark)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "a.tif").exists()


def test_predict_never_writes_over_the_picture_without_light(
    call: Call, frame: Image, run_folder: Path, tmp_path: Path
) -> None:
    write_image(tmp_path / "plain.tif", frame)
    write_image(tmp_path / "a.tif", Image(np.full((80, 96), 10, np.uint16), "YX"))
    options = ["--model", run_folder, "--dark", tmp_path / "a.tif"]
    result = call("predict", tmp_path / "plain.tif", "--out", tmp_path / "a.tif", *options)
    assert result.exit_code == 2
    assert "a.tif: is an input and would be overwritten" in result.stderr


def test_predict_names_the_frame_that_it_left_out(call: Call, frame: Image, run_folder: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "series.tif", replace(frame, data=np.stack([frame.data, frame.data * 0]), axes="TYX"))
    result = call("predict", tmp_path / "series.tif", "--out", tmp_path / "a.tif", "--model", run_folder)
    assert result.exit_code == 0
    assert "series.tif: Frame 2 of 2: Left out, since every pixel has the same value (0)" in result.stderr
    assert not read_image(tmp_path / "a.tif").data[1].any()


def test_figures_of_a_prediction_are_those_of_its_lit_part(
    call_for_json: Json, frame: Image, run_folder: Path, tmp_path: Path
) -> None:
    stopped = frame.data.copy()
    stopped[:, :40] = 0
    write_image(tmp_path / "stopped.tif", replace(frame, data=stopped))
    (one,) = call_for_json("predict", tmp_path / "stopped.tif", "--out", tmp_path / "a.tif", "--model", run_folder)[
        "images"
    ]
    phase = read_image(tmp_path / "a.tif").data
    assert one["std_rad"] == pytest.approx(float(phase[phase != 0].std()), rel=1e-2)


def test_doubts_about_a_file_are_told_when_it_is_cut_into_tiles(
    call: Call, frame: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(path: Path, *, lazy: bool = False) -> Image:
        return replace(read_image(path, lazy=lazy), notes=("The file names two pixel sizes.",))

    monkeypatch.setattr(commands_images, "read_image", read)
    write_image(tmp_path / "frame.tif", frame)
    result = call("tile", tmp_path / "frame.tif", "--out", tmp_path / "tiles", "--grid", "1x1", "--json")
    assert f"{tmp_path / 'frame.tif'}: The file names two pixel sizes." in result.stderr
    assert "The file names two pixel sizes." in result.stdout
