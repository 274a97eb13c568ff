"""Bad input: status 2, one line that names the file and says what to do, and nothing written."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import Result

from napari_contransgan.io import Image, write_image

Refuse = Callable[[list[object], str, str], None]
RNG = np.random.default_rng(3)
ZYX_STACK = RNG.integers(900, 1100, (3, 64, 64), dtype=np.uint16)


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A folder with one file of each kind of trouble."""
    folder = tmp_path / "in"
    sizes = {"pixel_size_um": 0.65, "z_step_um": 3.0}
    write_image(folder / "stack.tif", Image(ZYX_STACK, "ZYX", **sizes))
    write_image(folder / "frame.tif", Image(ZYX_STACK[0], "YX", 0.65))
    content = (folder / "stack.tif").read_bytes()
    (folder / "truncated.tif").write_bytes(content[: len(content) // 2])
    (folder / "text.tif").write_text("time,intensity\n0,1\n" * 20)
    (folder / "nothing.tif").touch()
    write_image(folder / "constant.tif", Image(np.full_like(ZYX_STACK, 1000), "ZYX", **sizes))
    with_nan = ZYX_STACK.astype(np.float32)
    with_nan[:, 2, 3] = np.nan
    write_image(folder / "nan.tif", Image(with_nan, "ZYX", **sizes))
    with tifffile.TiffWriter(folder / "shapes.tif") as tif:
        tif.write(ZYX_STACK[0], metadata=None)
        tif.write(ZYX_STACK[1, :32], metadata=None)
    write_image(folder / "sizeless.tif", Image(ZYX_STACK, "ZYX", z_step_um=3.0))
    write_image(folder / "stepless.tif", Image(ZYX_STACK, "ZYX", 0.65))
    (folder / "no images").mkdir()
    (folder / "fake.safetensors").write_bytes(b"not a checkpoint" * 10)
    return folder


FILE_TROUBLES = [
    ("truncated.tif", "cut short"),
    ("text.tif", "not a TIFF"),
    ("nothing.tif", "empty"),
    ("constant.tif", "constant|same value"),
    ("nan.tif", "NaN"),
    ("shapes.tif", "different shapes"),
    ("sizeless.tif", "no pixel size"),
    ("absent.tif", "no such file"),
]


@pytest.fixture
def assert_refused(call: Callable[..., Result], tmp_path: Path) -> Refuse:
    return lambda arguments, named, words: _assert_refused(call, tmp_path, arguments, named, words)


def _assert_refused(
    call: Callable[..., Result], tmp_path: Path, arguments: list[object], named: str, words: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert named in lines[0]
    assert any(word in lines[0] for word in words.split("|")), lines[0]
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(("name", "words"), FILE_TROUBLES)
def test_tie_refuses(assert_refused: Refuse, bad: Path, tmp_path: Path, name: str, words: str) -> None:
    assert_refused(["tie", bad / name, "--out", tmp_path / "out" / "phase.tif"], name, words)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("frame.tif", [], "one plane"),
        ("stepless.tif", [], "dz"),
        ("stack.tif", ["--dz", "0"], "dz = 0"),
        ("stack.tif", ["--dz", "-3"], "dz = -3"),
        ("stack.tif", ["--z", "0,3"], "2 heights"),
        ("stack.tif", ["--z", "3,0,-3"], "fall"),
        ("stack.tif", ["--focus", "3"], "no plane 3"),
        ("stack.tif", ["--wavelength", "550"], "did you mean 0.55 um"),
        ("stack.tif", ["--wavelength", "0"], "wavelength"),
        ("stack.tif", ["--pixel-size", "0"], "pixel size of 0 um"),
        ("", ["--z", "a,b"], "--z a,b"),
        ("", ["--method", "magic"], "method"),
        ("", ["--regularisation", "some"], "--regularisation some"),
        ("", ["--regularisation", "1,2"], "--regularisation 1,2"),
    ],
)
def test_tie_refuses_settings(
    assert_refused: Refuse, bad: Path, tmp_path: Path, name: str, options: list[str], words: str
) -> None:
    arguments = ["tie", bad / (name or "stack.tif"), "--out", tmp_path / "phase.tif", *options]
    assert_refused(arguments, name, words)


@pytest.mark.parametrize(("name", "words"), FILE_TROUBLES)
def test_predict_refuses_before_it_writes_for_any_image(
    assert_refused: Refuse, bad: Path, tmp_path: Path, name: str, words: str
) -> None:
    arguments = ["predict", bad / "frame.tif", bad / name, "--out", tmp_path / "out"]
    assert_refused(arguments, name, words)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (Image(ZYX_STACK[0].astype(np.float32), "YX", 0.65, quantity="phase"), "already holds phase"),
        (Image(ZYX_STACK[0].astype(np.float32) - np.float32(ZYX_STACK[0].mean()), "YX", 0.65), "negative intensities"),
        (Image(ZYX_STACK[0, :31], "YX", 0.65), "31 x 64 px; at least 32 x 32"),
    ],
    ids=["phase", "background subtracted", "small"],
)
def test_predict_refuses_what_the_network_cannot_take_before_it_writes(
    assert_refused: Refuse, run_folder: Path, bad: Path, tmp_path: Path, image: Image, words: str
) -> None:
    write_image(bad / "unfit.tif", image)
    arguments = ["predict", bad / "frame.tif", bad / "unfit.tif", "--out", tmp_path / "out", "--model", run_folder]
    assert_refused(arguments, "unfit.tif", words)


@pytest.mark.parametrize("command", ["tie", "predict"])
def test_an_output_of_another_kind_of_file_is_refused(
    assert_refused: Refuse, run_folder: Path, bad: Path, tmp_path: Path, command: str
) -> None:
    options = ["--model", run_folder] if command == "predict" else []
    for name in ("x.png", "x.ome"):
        arguments = [command, bad / "stack.tif", "--out", tmp_path / name, *options]
        assert_refused(arguments, name, "give a .tif file")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--objective", "63x"], "unknown objective '63x'"),
        (["--objective", "10x", "--pixel-size", "0.65"], "give only one of them"),
        (["--pixel-size", "650"], "pixel size of 650 um"),
        (["--device", "abacus"], "device"),
        (["--engine", "steam"], "engine"),
        (["--precision", "fp64"], "precision"),
        (["--threads", "0"], "threads"),
        (["--model", "no such network"], "no such network"),
    ],
)
def test_predict_refuses_settings(
    assert_refused: Refuse, bad: Path, tmp_path: Path, options: list[str], words: str
) -> None:
    assert_refused(["predict", bad / "frame.tif", "--out", tmp_path / "x.tif", *options], "", words)


def test_predict_refuses_what_is_no_checkpoint(assert_refused: Refuse, bad: Path, tmp_path: Path) -> None:
    for name in ("fake.safetensors", "frame.tif"):
        arguments = ["predict", bad / "frame.tif", "--out", tmp_path / "x.tif", "--model", bad / name]
        assert_refused(arguments, name, "not a checkpoint")


@pytest.mark.parametrize(("name", "words"), [one for one in FILE_TROUBLES if one[0] not in ("constant.tif", "nan.tif")])
def test_tile_refuses_before_it_writes_for_any_image(
    assert_refused: Refuse, bad: Path, tmp_path: Path, name: str, words: str
) -> None:
    assert_refused(["tile", bad / "frame.tif", bad / name, "--out", tmp_path / "out"], name, words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--grid", "four"], "--grid four"),
        (["--grid", "0x4"], "rows"),
        (["--grid", "100x100"], "smaller grid"),
        (["--overlap", "60"], "overlap"),
        (["--pixel-size", "650"], "pixel size of 650 um"),
    ],
)
def test_tile_refuses_settings(
    assert_refused: Refuse, bad: Path, tmp_path: Path, options: list[str], words: str
) -> None:
    assert_refused(["tile", bad / "frame.tif", "--out", tmp_path / "out", *options], "", words)


def test_tile_refuses_two_images_of_one_name(assert_refused: Refuse, bad: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "frame.ome.tif"
    write_image(other, Image(ZYX_STACK[0], "YX", 0.65))
    assert_refused(["tile", bad / "frame.tif", other, "--out", tmp_path / "out"], "frame", "rename one")


def test_tile_refuses_to_replace_tiles_of_another_image(
    assert_refused: Refuse, call: Callable[..., Result], bad: Path, tmp_path: Path
) -> None:
    other = tmp_path / "elsewhere" / "frame.tif"
    write_image(other, Image(ZYX_STACK[1], "YX", 0.65))
    assert call("tile", bad / "frame.tif", "--out", tmp_path / "out").exit_code == 0
    assert_refused(["tile", other, "--out", tmp_path / "out"], "frame_r0c0.ome.tif", "choose an empty folder")


@pytest.mark.parametrize(("name", "words"), [one for one in FILE_TROUBLES if one[0] != "sizeless.tif"])
def test_evaluate_refuses(assert_refused: Refuse, bad: Path, tmp_path: Path, name: str, words: str) -> None:
    assert_refused(["evaluate", bad / "frame.tif", bad / name], name, words)
    assert_refused(["evaluate", bad / name, bad / "frame.tif"], name, words)


def test_evaluate_refuses_maps_that_cannot_be_compared(assert_refused: Refuse, bad: Path, tmp_path: Path) -> None:
    yx_map_rad = ZYX_STACK[0].astype(np.float32)
    write_image(bad / "map.tif", Image(yx_map_rad, "YX", 0.65))
    write_image(bad / "small.tif", Image(yx_map_rad[:32, :32], "YX", 0.65))
    write_image(bad / "odd.tif", Image(yx_map_rad, "YX", 0.4))
    for name, options, words in (
        ("small.tif", [], "64x64 and 32x32 pixels of 0.65 um"),
        ("odd.tif", [], "64x64 and 39x39 pixels of 0.65 um"),
        ("stack.tif", [], "single phase map"),
        ("map.tif", ["--data-range", "0"], "data range"),
        ("map.tif", ["--beads"], "--index-contrast"),
        ("map.tif", ["--beads", "--index-contrast", "0.03"], "wavelength"),
        ("map.tif", ["--beads", "--index-contrast", "0", "--wavelength", "0.55"], "index contrast"),
        ("frame.tif", [], "uint16 counts"),
    ):
        named = "" if options else name
        assert_refused(["evaluate", bad / "map.tif", bad / name, *options], named, words)


def test_evaluate_refuses_camera_frames(assert_refused: Refuse, bad: Path) -> None:
    write_image(bad / "other.tif", Image(ZYX_STACK[1], "YX", 0.65))
    assert_refused(["evaluate", bad / "frame.tif", bad / "other.tif"], "frame.tif", "uint16 counts, not a phase")
    write_image(bad / "std.tif", Image(np.eye(32, dtype=np.float32), "YX", 0.325, quantity="phase-std"))
    assert_refused(["evaluate", bad / "std.tif", bad / "other.tif"], "std.tif", "holds phase-std, not phase")


def test_train_refuses_folders_without_images(assert_refused: Refuse, bad: Path, tmp_path: Path) -> None:
    empty = bad / "no images"
    for options, named, words in (
        (["--lr", empty, "--phase", empty], "no images", "no .tif"),
        (["--pairs", empty], "no images", "no such folder"),
        (["--lr", bad / "nowhere", "--phase", empty], "nowhere", "no such folder"),
        (["--lr", empty], "", "both folders"),
        ([], "", "pairs"),
        (["--config", bad / "text.tif"], "text.tif", "settings"),
        (["--config", bad / "absent.yaml"], "absent.yaml", "no such file"),
        (["--pairs", empty, "--steps", "5", "--epochs", "5"], "", "give only one of them"),
        (["--pairs", empty, "--generator", "magic"], "", "generator"),
    ):
        assert_refused(["train", "--out", tmp_path / "run", *options], named, words)


def test_simulate_refuses_settings(assert_refused: Refuse, bad: Path, tmp_path: Path) -> None:
    base = {"--specimen": "hela", "--objective": "10x", "--count": "1"}
    for option, value, words in (
        ("--specimen", "cow", "'psm' or 'hela'"),
        ("--objective", "63x", "4x, 10x, 20x, 40x"),
        ("--count", "0", "count"),
        ("--seed", "-1", "seed"),
        ("--coherence", "2", "coherence"),
    ):
        options = [part for pair in (base | {option: value}).items() for part in pair]
        assert_refused(["simulate", "--out", tmp_path / "data", *options], "", words)


def test_models_refuse_what_is_no_network_or_format(assert_refused: Refuse, bad: Path, tmp_path: Path) -> None:
    assert_refused(["models", "show", "magic"], "magic", "is not a bundled network")
    assert_refused(["models", "show", bad / "fake.safetensors"], "fake", "not a checkpoint")
    out = tmp_path / "x.safetensors"
    assert_refused(["models", "export", bad / "fake.safetensors", "--out", out], "fake", "not a checkpoint")
    arguments = ["models", "export", "all", "--format", "onnx", "--out", tmp_path / "x.onnx"]
    assert_refused(arguments, "", "safetensors")


def test_an_output_in_the_place_of_a_file_is_refused(assert_refused: Refuse, bad: Path, tmp_path: Path) -> None:
    place = bad / "text.tif"
    assert_refused(["tie", bad / "stack.tif", "--out", place / "x.tif"], "text.tif", "nothing can be written there")
    assert_refused(["tile", bad / "frame.tif", "--out", place], "text.tif", "folder")
    options = ["--specimen", "hela", "--objective", "10x", "--count", "1"]
    assert_refused(["simulate", "--out", place, *options], "text.tif", "choose another folder")
    assert_refused(["demo", "--out", place], "text.tif", "exists|directory|folder")
