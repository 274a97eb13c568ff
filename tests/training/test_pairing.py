"""The pairs in two folders: names, planes, time points and places."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_contransgan.config import PairFolders, TileSettings, TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, write_image
from napari_contransgan.models.normalisation import contrast_on_model_grid
from napari_contransgan.tiles import crop_tiles
from napari_contransgan.training.data import TrainingData, gather
from napari_contransgan.training.file_frames import FileFrame
from napari_contransgan.training.pairing import find_pairs
from napari_contransgan.training.sampling import draw_pairs

Train = Callable[..., TrainSettings]


def lr_image(*leading: int, axes: str = "", side_px: int = 80, pixel_um: float = 0.325, seed: int = 0) -> Image:
    counts = np.random.default_rng(seed).integers(900, 1100, (*leading, side_px, side_px)).astype(np.uint16)
    return Image(counts, f"{axes}YX", pixel_size_um=pixel_um)


def phase_image(*leading: int, axes: str = "", side_px: int = 80, pixel_um: float = 0.325, seed: int = 0) -> Image:
    radians = np.random.default_rng(seed).uniform(0, 2, (*leading, side_px, side_px)).astype(np.float32)
    return Image(radians, f"{axes}YX", pixel_size_um=pixel_um, quantity="phase", wavelength_um=0.55)


@pytest.fixture
def folders(tmp_path: Path) -> PairFolders:
    return PairFolders(lr=tmp_path / "images", phase=tmp_path / "labels")


@pytest.fixture
def training(folders: PairFolders) -> Train:
    """Write images and phase maps by file name, and give settings that train on them."""

    def write(lr: dict[str, Image], phase: dict[str, Image], **changes: object) -> TrainSettings:
        for folder, images in ((folders.lr, lr), (folders.phase, phase)):
            for name, image in images.items():
                write_image(folder / name, image)
        values = {"pairs": (folders,), "crop_px": 64, "validation_fraction": 0.0}
        return TrainSettings(**(values | changes))  # type: ignore[arg-type]

    return write


def pairs_of(data: TrainingData) -> list[tuple[str, int | None, str, int | None]]:
    files = zip(data.paired_lr.files, data.paired_phase.files, strict=True)  # type: ignore[attr-defined]
    return [(lr.path.name, lr.number, phase.path.name, phase.number) for lr, phase in files]


def test_each_plane_of_a_stack_is_an_image_with_the_phase_of_the_stack(training: Train) -> None:
    stack, phase = lr_image(3, axes="Z"), phase_image()
    settings = training({"a_layer_0.ome.tif": stack, "b.tif": lr_image()}, {"a_phase.tif": phase, "b.tif": phase})
    data = gather(settings)
    assert pairs_of(data) == [*(("a_layer_0.ome.tif", z, "a_phase.tif", None) for z in range(3)), ("b.tif", None) * 2]
    for z in range(3):
        contrast, _ = contrast_on_model_grid(stack.data[z], 0.325)
        assert torch.allclose(data.paired_lr.load(z, 64), contrast, atol=1e-2)
        assert torch.allclose(data.paired_phase.load(z, 64), torch.from_numpy(phase.data), atol=1e-3)
    text = data.describe()
    assert text.startswith("2 pairs (1 single image and 3 planes of 1 stack) and 4 (1 single image and 3 planes")
    assert "+ 2 unpaired images" in text


def test_the_phase_of_a_stack_is_kept_in_memory_once(training: Train) -> None:
    data = gather(training({"a.tif": lr_image(5, axes="Z")}, {"a.tif": phase_image()}))
    for index in range(5):
        data.paired_phase.load(index, 64)
    assert data.paired_phase.cache.used_bytes == 80 * 80 * 2  # type: ignore[attr-defined]


def test_time_points_belong_to_time_points_and_planes_to_planes(training: Train) -> None:
    data = gather(
        training(
            {
                "a.tif": lr_image(2, axes="T"),
                "b.tif": lr_image(2, 3, axes="TZ"),
                "c.tif": lr_image(2, 3, axes="TZ"),
                "d.tif": lr_image(2, axes="Z"),
                "e.tif": lr_image(2, axes="T"),
            },
            {
                "a_phase.tif": phase_image(2, axes="T"),
                "b_phase.tif": phase_image(2, axes="T"),
                "c_phase.tif": phase_image(2, 3, axes="TZ"),
                "d_phase.tif": phase_image(2, axes="Z"),
                "e_phase_TIE_t000.ome.tif": phase_image(),
                "e_phase_TIE_t001.ome.tif": phase_image(),
            },
        )
    )
    labels = {
        name: [(label, number) for lr, _, label, number in pairs_of(data) if lr == f"{name}.tif"] for name in "abcde"
    }
    assert labels["a"] == [("a_phase.tif", 0), ("a_phase.tif", 1)]
    assert labels["b"] == [("b_phase.tif", t) for t in (0, 0, 0, 1, 1, 1)]
    assert labels["c"] == [("c_phase.tif", number) for number in range(6)]
    assert labels["d"] == [("d_phase.tif", 0), ("d_phase.tif", 1)]
    assert labels["e"] == [("e_phase_TIE_t000.ome.tif", None), ("e_phase_TIE_t001.ome.tif", None)]
    assert "2 planes of 1 stack and 4 frames of 2 series and 12 planes of 2 stack series" in data.describe()


MISMATCHES = [
    (lr_image(2, axes="T"), {"a_phase.tif": phase_image()}, "holds 2 time points, and .*a_phase.tif a single image"),
    (
        lr_image(3, axes="T"),
        {"a_phase.tif": phase_image(2, axes="T")},
        "holds 3 time points, and .*a_phase.tif 2 time points",
    ),
    (lr_image(), {"a_phase.tif": phase_image(2, axes="Z")}, "holds a single image, and .*a_phase.tif 2 planes"),
    (lr_image(2, 3, axes="TZ"), {"a_phase.tif": phase_image(3, axes="Z")}, "holds 2 time points x 3 planes, and"),
    (lr_image(), {"a_phase_TIE_t000.tif": phase_image()}, "holds a single image, and the phase maps from .* 0: give"),
    (
        lr_image(3, axes="T"),
        {f"a_phase_TIE_t00{t}.tif": phase_image() for t in (0, 2)},
        "holds 3 time points, and the phase maps from .*a_phase_TIE_t000.tif to a_phase_TIE_t002.tif .* 0, 2: give",
    ),
]


@pytest.mark.parametrize(("image", "phase", "words"), MISMATCHES)
def test_other_planes_or_time_points_are_refused_with_both_files_or_left_out(
    training: Train, image: Image, phase: dict[str, Image], words: str
) -> None:
    good = {"b.tif": lr_image()}, {"b.tif": phase_image()}
    settings = training({"a.tif": image} | good[0], phase | good[1])
    with pytest.raises(InputError, match=rf"images/a\.tif {words}"):
        gather(settings)
    data = gather(settings.model_copy(update={"bad_images": "skip"}))
    assert data.describe().startswith("1 pairs and 1 + ")
    assert "1 unusable file is left out: images/a.tif holds" in data.describe()
    draw_pairs(data.paired_lr, data.paired_phase, settings, step=0)


def test_an_image_without_a_phase_map_is_refused_or_left_out_by_name(training: Train, folders: PairFolders) -> None:
    images = {f"{name}.ome.tif": lr_image() for name in "abc"}
    settings = training(images, {"b_phase.ome.tif": phase_image(), "b_phase_height.ome.tif": phase_image()})
    with pytest.raises(InputError) as caught:
        gather(settings)
    assert str(caught.value) == (
        f"{folders.lr / 'a.ome.tif'}: has no phase map of the same name in {folders.phase}: call the phase map "
        f"a.ome.tif or a_phase.ome.tif, or remove the image"
    )
    text = gather(settings.model_copy(update={"bad_images": "skip"})).describe()
    assert text.startswith("1 pairs and 1 + 1 unpaired images for training")
    assert "2 images have no phase map and are left out, the first is images/a.ome.tif" in text
    assert "1 file in labels without an image of the same name, the first is b_phase_height.ome.tif" in text


def test_folders_without_any_pair_are_refused_even_where_bad_images_are_left_out(training: Train) -> None:
    settings = training({"a.tif": lr_image()}, {"b.tif": phase_image()}, bad_images="skip")
    with pytest.raises(InputError, match=r"a\.tif: has no phase map"):
        gather(settings)


def test_a_folder_of_pairs_without_its_folders_says_what_is_wanted(training: Train, folders: PairFolders) -> None:
    training({"a.tif": lr_image()}, {"a.tif": phase_image()})
    with pytest.raises(InputError, match=r"images/lr: there is no such folder: .* lr and phase in it, or a folder of"):
        find_pairs(folders.lr, skip_bad=False)
    (folders.lr / "lr").mkdir()
    with pytest.raises(InputError, match="images/phase: there is no such folder: give a folder of pairs"):
        find_pairs(folders.lr, skip_bad=False)


def test_halves_of_other_pixel_sizes_come_to_the_same_grid(training: Train) -> None:
    settings = training(
        {"a.tif": lr_image(side_px=40, pixel_um=0.65)},
        {"a_phase.tif": phase_image(side_px=160, pixel_um=0.1625)},
    )
    data = gather(settings)
    assert data.paired_lr.load(0, 64).shape == data.paired_phase.load(0, 64).shape == (80, 80)


def test_halves_that_show_different_places_are_refused_with_both_files_or_left_out(training: Train) -> None:
    frame, phase = lr_image(side_px=160), phase_image(side_px=160)
    grid = TileSettings(rows=2, columns=2)
    lr = {f"a_r{k // 2}c{k % 2}.tif": tile for k, tile in enumerate(crop_tiles(frame, grid))}
    tiles = dict(zip(lr, crop_tiles(phase, grid), strict=True))
    data = gather(training(lr, tiles))
    assert data.describe().startswith("4 pairs and")
    for name, wrong, words in (
        ("a_r0c1.tif", tiles["a_r1c1.tif"], "they were cut at 0 x 26 and 26 x 26 um of their frames"),
        ("a_r0c1.tif", phase_image(side_px=72), "they are 26 x 26 and 23.4 x 23.4 um large"),
    ):
        settings = training({}, {name: wrong})
        with pytest.raises(InputError, match=rf"images/{name} and .*labels/{name} do not show the same place: {words}"):
            gather(settings)
        data = gather(settings.model_copy(update={"bad_images": "skip"}))
        assert data.describe().startswith("3 pairs and")
        assert f"1 unusable file is left out: images/{name} and" in data.describe()


def test_planes_and_tiles_of_one_frame_are_never_on_both_sides_of_the_split(training: Train) -> None:
    names = [f"frame{frame}_r0c{tile}" for frame in range(6) for tile in range(2)]
    settings = training(
        {f"{name}.tif": lr_image(3, axes="Z") for name in names[:-4]}
        | {f"{name}.tif": lr_image(2, axes="T") for name in names[-4:-2]}
        | {f"{name.replace('_r', '_layer_0_r')}.tif": lr_image() for name in names[-2:-1]}
        | {f"{name}_layer_0.tif": lr_image() for name in names[-1:]},
        {f"{name}_phase.tif": phase_image() for name in (*names[:-4], *names[-2:])}
        | {f"{name}_phase.tif": phase_image(2, axes="T") for name in names[-4:-2]},
        validation_fraction=0.34,
    )
    data = gather(settings)
    kept, held = ([path.name.split("_")[0] for path in one.paths] for one in (data.paired_lr, data.held_out_lr))  # type: ignore[attr-defined]
    assert kept
    assert held
    assert not set(kept) & set(held)
    assert len(kept) + len(held) == 8 * 3 + 2 * 2 + 2
    stacks = sum(name in {f"frame{frame}" for frame in range(4)} for name in held)
    assert stacks % 6 == 0


def test_unpaired_folders_may_hold_stacks_and_series(training: Train, folders: PairFolders) -> None:
    training(
        {"a.tif": lr_image(4, axes="Z"), "b.tif": lr_image()},
        {"x.tif": phase_image(3, axes="T"), "y.tif": phase_image(2, axes="Z")},
    )
    data = gather(TrainSettings(lr=folders.lr, phase=folders.phase, crop_px=64))
    assert (len(data.unpaired_lr), len(data.unpaired_phase)) == (5, 5)
    assert "5 (1 single image and 4 planes of 1 stack) + 5 (2 planes of 1 stack and 3 frames of 1" in data.describe()
    assert data.unpaired_lr.load(3, 64).shape == (80, 80)


def test_a_colour_stack_is_read_by_its_luminance(training: Train) -> None:
    colours = np.random.default_rng(0).integers(0, 255, (2, 80, 80, 3)).astype(np.uint8)
    settings = training({"a.tif": Image(colours, "ZYXS", 0.325)}, {"a.tif": phase_image()})
    luminance = colours[1].astype(np.float32) @ np.float32([0.2126, 0.7152, 0.0722])
    contrast, _ = contrast_on_model_grid(luminance, 0.325)
    assert torch.allclose(gather(settings).paired_lr.load(1, 64), contrast, atol=1e-2)


def test_one_bad_plane_is_named_and_leaves_out_its_stack(training: Train) -> None:
    stack = lr_image(3, axes="Z")
    stack.data[1] = 7
    settings = training({"a.tif": stack, "b.tif": lr_image()}, {"a.tif": phase_image(), "b.tif": phase_image()})
    with pytest.raises(InputError, match=r"a\.tif \(frame 1\): every pixel has the same value"):
        gather(settings)
    data = gather(settings.model_copy(update={"bad_images": "skip"}))
    assert data.describe().startswith("1 pairs and")
    assert [data.paired_lr.is_bad(index) for index in range(4)] == [True, True, True, False]


def test_equal_names_in_a_folder_of_pairs_are_paired_as_ever(training: Train, folders: PairFolders) -> None:
    training({"0001.tif": lr_image(), "0002.tif": lr_image()}, {"0001.tif": phase_image(), "0002.tif": phase_image()})
    found = find_pairs(folders, skip_bad=False)
    assert found.lr == [FileFrame(folders.lr / name) for name in ("0001.tif", "0002.tif")]
    assert found.phase == [FileFrame(folders.phase / name) for name in ("0001.tif", "0002.tif")]
    assert (found.bad, found.notes) == ({}, ())
