"""A run's folder: written line by line, cut back after a kill, and read again."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from napari_contransgan.config import AdaptSettings, TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import read_image
from napari_contransgan.training.events import Preview
from napari_contransgan.training.run_folder import (
    ADAPT_CONFIG,
    CARD,
    CONFIG,
    METRICS,
    PREVIEWS,
    append_record,
    read_previews,
    read_run,
    trim_metrics,
    write_previews,
)

SETTINGS = TrainSettings(pairs=(Path("set"),), steps=5)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / CONFIG).write_text(SETTINGS.to_yaml())
    return tmp_path


def step_line(step: int, **losses: float) -> dict[str, float]:
    return {"step": step, **losses, "images_per_s": 3.5, "learning_rate": 1e-4}


def test_curves_come_back_by_name_with_their_steps(run: Path) -> None:
    append_record(run, step_line(1, supervised=0.5))
    append_record(run, step_line(2, supervised=float("nan")))
    append_record(run, {"step": 2, "validation": {"ssim": 0.9, "psnr_db": 30.0, "slope": float("inf")}})
    append_record(run, step_line(3, cycle=2))
    (run / CARD).write_text("name: µ\n", encoding="utf-8")
    record = read_run(run)
    assert record.settings == SETTINGS
    assert record.card_text == "name: µ\n"
    assert set(record.losses) == {"supervised", "cycle"}
    np.testing.assert_array_equal(record.losses["supervised"], ([1, 2], [0.5, np.nan]))
    np.testing.assert_array_equal(record.losses["cycle"], ([3], [2]))
    np.testing.assert_array_equal(record.scores["psnr_db"], ([2], [30.0]))
    assert record.losses["cycle"][1].dtype == np.float64


def test_an_adapted_run_is_read_like_any_other(tmp_path: Path) -> None:
    settings = AdaptSettings(name="my 10x", steps=7)
    (tmp_path / ADAPT_CONFIG).write_text(settings.to_yaml())
    append_record(tmp_path, step_line(1, label=0.4))
    record = read_run(tmp_path)
    assert record.settings == settings
    np.testing.assert_array_equal(record.losses["label"], ([1], [0.4]))


def test_every_line_is_json_that_any_reader_takes(run: Path) -> None:
    append_record(run, step_line(1, cycle=float("inf")))
    (line,) = (run / METRICS).read_text().splitlines()
    assert json.loads(line, parse_constant=pytest.fail)["cycle"] is None


def test_a_run_that_has_just_begun_has_no_curves_and_no_card(run: Path) -> None:
    record = read_run(run)
    assert (record.losses, record.scores, record.card_text) == ({}, {}, "")
    assert read_previews(run) == []


def test_a_folder_without_a_run_is_refused_in_one_line(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(
            InputError, match=r"is not the folder of a run: it contains neither config\.yaml nor adapt\.yaml"
        ) as caught:
            read_run(folder)
        assert "\n" not in str(caught.value)


def test_lines_that_are_no_records_are_passed_over(run: Path) -> None:
    (run / METRICS).write_bytes(b'[1]\n{"step": "x"}\n\xff\xfe\n{"note": 1}\n' + json.dumps(step_line(4, a=1)).encode())
    assert list(read_run(run).losses) == ["a"]


@pytest.mark.parametrize(
    "line",
    ["[" * 100_000, '{"step": 3, "a": ' + "9" * 400 + "}", '{"step": ' + "9" * 400 + ', "a": 1}', '{"step": 1e400}'],
)
def test_lines_that_would_break_a_reader_are_passed_over(run: Path, line: str) -> None:
    good = json.dumps(step_line(4, a=1))
    (run / METRICS).write_text(f"{good}\n{line}\n{good}\n")
    steps, values = read_run(run).losses["a"]
    np.testing.assert_array_equal(steps, [4, 4])
    np.testing.assert_array_equal(values, [1, 1])


def test_a_pipe_in_the_place_of_the_metrics_is_not_waited_for(run: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    os.mkfifo(run / METRICS)
    assert read_run(run).losses == {}


def test_a_long_run_is_read_in_no_time(run: Path) -> None:
    line = json.dumps({"step": 1, "generators": 0.51234, "cycle": 0.1, "images_per_s": 3.5, "learning_rate": 1e-4})
    (run / METRICS).write_text("".join(line.replace("1,", f"{k},", 1) + "\n" for k in range(100_000)))
    began = time.process_time()  # of this process alone, however busy the machine is
    steps, _ = read_run(run).losses["cycle"]
    assert time.process_time() - began < 4  # it takes 0.9 s
    np.testing.assert_array_equal(steps, np.arange(100_000))


def test_what_follows_a_save_is_cut_off_as_if_it_had_never_been(run: Path) -> None:
    for step in range(1, 4):
        append_record(run, step_line(step, a=step))
    append_record(run, {"step": 3, "validation": {"ssim": 1.0}})
    whole = (run / METRICS).read_bytes()
    append_record(run, step_line(4, a=4))
    with (run / METRICS).open("ab") as file:
        file.write(b'{"step": 5, "a": 0.')
    trim_metrics(run, 3)
    assert (run / METRICS).read_bytes() == whole
    trim_metrics(run, 0)
    assert (run / METRICS).read_bytes() == b""


def test_half_a_line_goes_even_where_its_step_would_stay(run: Path) -> None:
    append_record(run, step_line(1, a=1))
    whole = (run / METRICS).read_bytes()
    (run / METRICS).write_bytes(whole + b'{"step": 2, "a"')
    trim_metrics(run, 9)
    append_record(run, step_line(2, a=2))
    assert [json.loads(line)["step"] for line in (run / METRICS).read_text().splitlines()] == [1, 2]


def test_nothing_to_cut_leaves_the_file_and_a_missing_one_alone(run: Path) -> None:
    trim_metrics(run, 3)
    assert not (run / METRICS).exists()
    append_record(run, step_line(1, a=1))
    before = (run / METRICS).stat()
    trim_metrics(run, 1)
    assert (run / METRICS).stat().st_ino == before.st_ino


def test_a_full_disk_leaves_no_half_of_a_line(run: Path) -> None:
    resource = pytest.importorskip("resource")
    append_record(run, step_line(1, a=1))
    whole = (run / METRICS).read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 7, hard))
    try:
        with pytest.raises(OSError, match=METRICS):
            append_record(run, step_line(2, a=2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (run / METRICS).read_bytes() == whole


def previews(count: int, *, cycled: bool = True, label: bool = True) -> tuple[Preview, ...]:
    rng = np.random.default_rng(count)
    maps = rng.standard_normal((count, 4, 64, 96)).astype(np.float32)
    return tuple(Preview(a, b, c if cycled else None, d if label else None) for a, b, c, d in maps)


def assert_same(found: tuple[Preview, ...], wanted: tuple[Preview, ...]) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        for name, value in vars(other).items():
            if value is None:
                assert getattr(one, name) is None
            else:
                assert getattr(one, name).dtype == np.float32
                np.testing.assert_array_equal(getattr(one, name), value)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("cycled", "label"), [(True, True), (False, True), (True, False), (False, False)])
def test_previews_come_back_bit_for_bit(run: Path, count: int, cycled: bool, label: bool) -> None:
    wanted = previews(count, cycled=cycled, label=label)
    write_previews(run, 200, wanted)
    ((step, found),) = read_previews(run)
    assert step == 200
    assert_same(found, wanted)


def test_a_map_that_only_one_image_has_comes_back_for_that_one_and_an_output_of_nan_stays(run: Path) -> None:
    first, second = previews(2)
    wanted = (first, Preview(second.yx_input, np.full_like(second.yx_output_rad, np.nan)))
    write_previews(run, 1, wanted)
    assert_same(read_previews(run)[0][1], wanted)


def test_previews_stand_by_rising_steps_and_a_broken_file_is_left_out(run: Path) -> None:
    for step in (10_000_000, 200, 9_000_000, 400, 600):
        write_previews(run, step, previews(1))
    (run / PREVIEWS / "0000400.ome.tif").write_bytes(b"II*\0 and no more")
    whole = (run / PREVIEWS / "0000600.ome.tif").read_bytes()
    (run / PREVIEWS / "0000600.ome.tif").write_bytes(whole[: len(whole) // 2])
    (run / PREVIEWS / "notes.ome.tif").write_bytes(b"")
    assert [step for step, _ in read_previews(run)] == [200, 9_000_000, 10_000_000]


def test_a_file_of_previews_opens_anywhere_with_its_scale_and_channel_names(run: Path) -> None:
    import tifffile

    write_previews(run, 7, previews(2))
    (path,) = (run / PREVIEWS).iterdir()
    image = read_image(path)
    assert (image.axes, image.pixel_size_um, image.data.shape) == ("TCYX", 0.325, (2, 4, 64, 96))
    with tifffile.TiffFile(path) as tif:
        for name in ("input", "output (rad)", "cycled", "label (rad)"):
            assert f'Name="{name}"' in (tif.ome_metadata or "")
        assert tif.pages[0].compression != 1  # type: ignore[union-attr]


def test_no_previews_make_no_file(run: Path) -> None:
    write_previews(run, 7, ())
    assert not (run / PREVIEWS).exists()
