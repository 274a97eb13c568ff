"""Which phase map belongs to which image, by name."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_contransgan.config import TileSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image
from napari_contransgan.tiles import crop_tiles, save_tiles
from napari_contransgan.training.pair_names import FrameName, NamedPair, frame_name, match_names

LR, PHASE = Path("lr"), Path("phase")

WORDS = st.from_regex(r"[abXY0-9µ][abXY0-9µ._ \-]{0,10}[abXY0-9µ]", fullmatch=True)
"""Names of frames as people choose them, without anything that the program appends."""

MADE = [
    "_phase",
    " phase",
    " phase (TIE)",
    " phase (TIE) [1]",
    " phase (predicted)",
    "_predicted",
    "_layer_0",
    " tiles",
]
ENDINGS = [".tif", ".tiff", ".TIF", ".ome.tif"]


def phase_of(image: str, *phase_maps: str) -> list[str]:
    pairs, _, _ = match_names([LR / image], [PHASE / name for name in phase_maps])
    return [path.name for pair in pairs for path in pair.phase]


@given(WORDS, st.sampled_from(MADE), st.sampled_from(ENDINGS), st.sampled_from(ENDINGS))
def test_what_the_program_appends_to_a_name_does_not_count(name: str, made: str, one: str, other: str) -> None:
    assert frame_name(Path(f"{name}{made}{one}")) == frame_name(Path(f"{name}{other}"))
    assert phase_of(f"{name}{other}", f"{name}{made}{one}") == [f"{name}{made}{one}"]


@given(WORDS, st.sampled_from(MADE), st.integers(0, 99), st.integers(0, 99))
def test_a_tile_belongs_to_the_tile_of_the_same_place_wherever_the_place_is_named(
    name: str, made: str, row: int, column: int
) -> None:
    tile, other = f"{name}_r{row}c{column}.tif", f"{name}_r{row}c{column + 1}.tif"
    for label in (f"{name}{made}_r{row}c{column}.tif", f"{name}_r{row}c{column}{made}.tif"):
        assert phase_of(tile, label) == [label]
        assert phase_of(other, label) == []
        assert phase_of(f"{name}.tif", label) == []


@given(st.lists(WORDS, unique_by=lambda name: frame_name(Path(f"{name}.tif")).frame, min_size=2, max_size=6))
def test_different_frames_are_never_mixed_up(names: list[str]) -> None:
    pairs, lone, unused = match_names(
        [LR / f"{name}.tif" for name in names], [PHASE / f"{name}_phase.ome.tif" for name in reversed(names)]
    )
    assert [(pair.image.stem, pair.phase[0].name) for pair in pairs] == [
        (name, f"{name}_phase.ome.tif") for name in names
    ]
    assert (lone, unused) == ([], [])


@pytest.mark.parametrize("made", [" phase (TIE)", " phase (TIE) [1]", "_phase", " phase"])
def test_the_names_that_tiles_are_saved_under_match(made: str, tmp_path: Path) -> None:
    frame = Image(np.zeros((8, 8), np.float32), "YX", 0.65, quantity="phase", name="my cells, day 1")
    grid = TileSettings(rows=2, columns=2)
    folders = []
    for name in (frame.name, frame.name + made):
        tiles = [Image(t.data, "YX", 0.65, name=t.name.replace(frame.name, name)) for t in crop_tiles(frame, grid)]
        folders.append(tmp_path / str(len(folders)))
        list(save_tiles(tiles, folders[-1]))
    pairs, lone, unused = match_names(*(sorted(folder.iterdir()) for folder in folders))
    assert [pair.image.name[-12:] for pair in pairs] == [pair.phase[0].name[-12:] for pair in pairs]
    assert (len(pairs), lone, unused) == (4, [], [])


@pytest.mark.parametrize(
    ("name", "frame", "tile", "time"),
    [
        ("frame_r0c0.ome.tif", "frame", "r0c0", None),
        ("frame_layer_0_r0c0.ome.tif", "frame", "r0c0", None),
        ("frame_phase_TIE__r0c0.ome.tif", "frame", "r0c0", None),
        ("frame_phase_TIE_t003_r1c12.ome.tif", "frame", "r1c12", 3),
        ("frame_phase_TIE_1_t003.tif", "frame", "", 3),
        ("frame phase (TIE).ome.tif", "frame", "", None),
        ("frame_r0c1_r1c0.tif", "frame", "r0c1_r1c0", None),
        ("lr_0012.tif", "0012", "", None),
        ("stack_0012_phase_TIE_.tif", "0012", "", None),
        ("2024.05.01_a.ome.tif", "2024.05.01_a", "", None),
        ("cell_t003.tif", "cell_t003", "", None),
        ("stack_a.tif", "stack_a", "", None),
        ("well_3.tif", "well_3", "", None),
        ("frame_phase_uncertainty.tif", "frame_phase_uncertainty", "", None),
        ("phase.tif", "phase", "", None),
        ("_phase.tif", "_phase", "", None),
        ("___.tif", "_", "", None),
    ],
)
def test_names_are_taken_apart(name: str, frame: str, tile: str, time: int | None) -> None:
    assert frame_name(Path(name)) == FrameName(frame, tile, time)


def test_equal_names_go_before_names_that_only_fit() -> None:
    assert phase_of("a_phase.tif", "a_phase.tif", "a.tif") == ["a_phase.tif"]
    pairs, lone, unused = match_names([LR / "a.tif", LR / "a_phase.tif"], [PHASE / "a.tif", PHASE / "a_phase.tif"])
    assert [pair.phase[0].name for pair in pairs] == ["a.tif", "a_phase.tif"]
    assert (lone, unused) == ([], [])


def test_files_without_a_partner_are_given_back() -> None:
    images = [LR / "a.tif", LR / "b.tif", LR / "d.tif"]
    pairs, lone, unused = match_names(images, [PHASE / "b_phase.tif", PHASE / "c.tif", PHASE / "b_phase_height.tif"])
    assert pairs == [NamedPair(LR / "b.tif", (PHASE / "b_phase.tif",))]
    assert lone == [LR / "a.tif", LR / "d.tif"]
    assert unused == [PHASE / "b_phase_height.tif", PHASE / "c.tif"]


@pytest.mark.parametrize(
    ("images", "phase_maps", "named"),
    [
        (["a.tif"], ["a_phase.tif", "a_phase_TIE_.tif"], ["a.tif", "a_phase.tif", "a_phase_TIE_.tif"]),
        (["a.tif"], ["a.ome.tif", "a_phase_TIE_t000.tif"], ["a.ome.tif", "a_phase_TIE_t000.tif"]),
        (["a.tif"], ["a_phase_TIE_t001.tif", "a_phase_TIE_1_t001.tif"], ["a_phase_TIE_t001", "a_phase_TIE_1_t001"]),
        (["a.tif", "a_layer_0.tif"], ["a_phase.tif"], ["a.tif", "a_layer_0.tif", "a_phase.tif"]),
    ],
)
def test_a_name_that_fits_two_files_is_refused_with_all_of_them(
    images: list[str], phase_maps: list[str], named: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        match_names([LR / name for name in images], [PHASE / name for name in phase_maps])
    assert all(name in str(caught.value) for name in named)


def test_time_points_that_were_saved_one_by_one_belong_to_the_series() -> None:
    (pair,), lone, unused = match_names([LR / "a.tif"], [PHASE / f"a_phase_TIE_t{time:03d}.tif" for time in (2, 0, 1)])
    assert pair.times == (0, 1, 2)
    assert [path.stem[-4:] for path in pair.phase] == ["t000", "t001", "t002"]
    assert (lone, unused) == ([], [])
