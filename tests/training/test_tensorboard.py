"""What TensorBoard shows of a run, read back as TensorBoard reads it."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_contransgan.errors import InputError
from napari_contransgan.training.events import CheckpointSaved, Preview, StepFinished, Validated
from napari_contransgan.training.tensorboard import open_writer, write_event


def read_back(run: Path) -> Any:
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    shown = reading.EventAccumulator(str(run / "tensorboard"))
    shown.Reload()
    return shown


def step(number: int, **losses: float) -> StepFinished:
    return StepFinished(number, 10, losses, images_per_s=2.5, learning_rate=1e-4)


def validated(number: int, *previews: Preview) -> Validated:
    return Validated(number, 0.9, 31.5, 1.02, 0.2, 20.0, previews)


def preview(seed: int, *, whole: bool = True) -> Preview:
    a, b, c, d = np.random.default_rng(seed).standard_normal((4, 16, 24)).astype(np.float32)
    return Preview(a, b, c, d) if whole else Preview(a, b)


def test_losses_rate_speed_and_scores_are_curves(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    for event in (step(1, cycle=0.5), step(2, cycle=0.25), validated(2, preview(0)), CheckpointSaved(2, tmp_path)):
        write_event(writer, event)
    writer.close()
    shown = read_back(tmp_path)
    assert [(one.step, one.value) for one in shown.Scalars("loss/cycle")] == [(1, 0.5), (2, 0.25)]
    assert shown.Scalars("learning rate")[0].value == pytest.approx(1e-4)
    assert shown.Scalars("speed/images per s")[0].value == 2.5
    assert [(one.step, one.value) for one in shown.Scalars("score/psnr_db")] == [(2, 31.5)]


def test_without_labels_there_are_previews_and_no_scores(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    write_event(writer, validated(3, preview(0, whole=False), preview(1, whole=False)))
    writer.close()
    tags = read_back(tmp_path).Tags()
    assert tags["scalars"] == []
    assert tags["images"] == ["image 0", "image 1"]


@pytest.mark.parametrize("whole", [True, False])
def test_a_preview_is_one_grey_image_of_its_maps_side_by_side(tmp_path: Path, whole: bool) -> None:
    import io

    from PIL import Image

    shown = preview(4, whole=whole)
    writer = open_writer(tmp_path)
    write_event(writer, validated(3, shown))
    writer.close()
    (image,) = read_back(tmp_path).Images("image 0")
    pixels = np.asarray(Image.open(io.BytesIO(image.encoded_image_string)).convert("L"), float) / 255
    maps = [shown.yx_input, shown.yx_output_rad]
    maps += (
        [shown.yx_cycled, shown.yx_label_rad] if shown.yx_cycled is not None and shown.yx_label_rad is not None else []
    )
    assert pixels.shape == (16, 24 * len(maps))
    for number, one in enumerate(maps):
        part = pixels[:, 24 * number : 24 * (number + 1)]
        assert np.corrcoef(part.ravel(), one.ravel())[0, 1] > 0.999
    if whole:  # output and label can be compared by eye
        both = np.concatenate([maps[1], maps[3]])
        wanted = (both - both.min()) / (both.max() - both.min())
        np.testing.assert_allclose(np.concatenate([pixels[:, 24:48], pixels[:, 72:]]), wanted, atol=0.01)


def test_numbers_that_are_not_finite_stop_nothing(tmp_path: Path) -> None:
    broken = Preview(np.full((16, 24), np.nan, np.float32), np.full((16, 24), np.inf, np.float32))
    writer = open_writer(tmp_path)
    write_event(writer, step(1, cycle=float("nan")))
    write_event(writer, validated(1, broken))
    writer.close()
    assert len(read_back(tmp_path).Images("image 0")) == 1


def test_what_a_killed_run_wrote_beyond_its_save_is_no_longer_shown(tmp_path: Path) -> None:
    for first, last, loss in ((0, 6, 1.0), (3, 8, 2.0)):
        writer = open_writer(tmp_path, first)
        for number in range(first + 1, last + 1):
            write_event(writer, step(number, cycle=loss))
        writer.close()
    curve = [(one.step, one.value) for one in read_back(tmp_path).Scalars("loss/cycle")]
    assert curve == [(number, 1.0 if number <= 3 else 2.0) for number in range(1, 9)]


def test_a_missing_tensorboard_is_told_with_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match=r'pip install "napari-contransgan\[tensorboard\]"'):
        open_writer(tmp_path)
    assert list(tmp_path.iterdir()) == []
