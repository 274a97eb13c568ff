"""Settings files made to mislead: refused in one line, at once, and without taking memory."""

import os
import time
from pathlib import Path

import pytest

from napari_contransgan.config import (
    AdaptSettings,
    MeasureSettings,
    PredictSettings,
    SimulationSettings,
    TieSettings,
    TileSettings,
    TrainSettings,
)
from napari_contransgan.config.base import Settings
from napari_contransgan.config.microscope import Microscope
from napari_contransgan.errors import InputError

KINDS = (AdaptSettings, MeasureSettings, Microscope, PredictSettings, SimulationSettings, TieSettings, TrainSettings)
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{letter}: &{letter} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, letter in zip("abcdefgh", "bcdefghi", strict=True)
)
TEXTS = {
    "deeply nested": "name: " + "[" * 20_000,
    "deeply nested maps": "".join(f"{' ' * depth}a:\n" for depth in range(1000)),
    "a list": "- 1\n- 2\n",
    "an empty whole number": "seed: !!int ''\n",
    "an empty number": "minutes: !!float ''\n",
    "an object of Python": "seed: !!python/object/apply:os.system ['true']\n",
    "an impossible date": "name: !!timestamp 2024-13-45\n",
    "many digits": f"seed: {'9' * 400}\n",
    "very many digits": f"seed: {'9' * 5000}\n",
    "half a character": 'name: "\\ud800"\nstart_from: "\\ud800"\nmodel: "\\ud800"\n',
    "a reference to itself": "name: &a [*a]\n",
    "a billion values": LAUGHS,
    "a key that is a list": "? [1, 2]\n: 3\n",
    "binary": "name: !!binary x\n",
    "an unknown reference": "name: *nothing\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_hostile_text_is_refused_in_one_line(kind: type[Settings], text: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    began = time.monotonic()
    with pytest.raises(InputError) as caught:
        kind.from_yaml(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert time.monotonic() - began < 10


def test_a_date_is_text(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("name: 2024-05-01\n")
    assert AdaptSettings.from_yaml(path).name == "2024-05-01"


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _link_to_zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _loop_of_links(path: Path) -> None:
    path.symlink_to(path.with_name("other"))
    path.with_name("other").symlink_to(path)


def _large_file(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10**10)  # a sparse file, which takes no space


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_pipe, "not a regular file"),
        (_link_to_zeros, "not a regular file"),
        (_loop_of_links, "cannot be read"),
        (_large_file, "larger than 1 MB"),
    ],
)
def test_only_regular_files_of_a_bounded_size_are_read(tmp_path: Path, make: object, words: str) -> None:
    path = tmp_path / "settings.yaml"
    make(path)  # type: ignore[operator]
    with pytest.raises(InputError, match=words):
        TieSettings.from_yaml(path)


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        TieSettings.from_yaml(tmp_path / ("n" * 300))


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Microscope, {"objectives": {"40x": {"magnification": 40, "numerical_aperture": 1e-320}}}),
        (Microscope, {"objectives": {"40x": {"magnification": 1e300, "numerical_aperture": 0.6}}}),
        (TieSettings, {"numerical_aperture": 1e-320}),
        (TieSettings, {"dz_um": float("nan")}),
        (TieSettings, {"z_um": (0.0, float("inf"))}),
        (TieSettings, {"regularisation": float("inf")}),
        (TieSettings, {"coherence": 1e-300}),
        (PredictSettings, {"pixel_size_um": float("inf")}),
        (PredictSettings, {"tile_px": 224 * 10**6}),
        (PredictSettings, {"threads": 10**9}),
        (TileSettings, {"rows": 10**9}),
        (TrainSettings, {"pairs": ["x"], "learning_rate": 1e-320}),
        (TrainSettings, {"pairs": ["x"], "learning_rate": float("inf")}),
        (TrainSettings, {"pairs": ["x"], "phase_ref_rad": 1e38}),
        (TrainSettings, {"pairs": ["x"], "steps": 10**400}),
        (TrainSettings, {"pairs": ["x"], "batch_size": 10**12}),
        (TrainSettings, {"pairs": ["x"], "minutes": float("nan")}),
        (AdaptSettings, {"learning_rate": float("nan")}),
        (SimulationSettings, {"count": 10**11}),
        (SimulationSettings, {"field_px": 10**9}),
        (SimulationSettings, {"variation": {"drift_um": (0, 1e300)}}),
        (MeasureSettings, {"frames_missing": 10**18}),
    ],
)
def test_numbers_that_cannot_be_are_refused_by_their_name(kind: type[Settings], values: dict[str, object]) -> None:
    with pytest.raises(InputError, match=f"settings: (values|{'|'.join(values)})"):
        kind.checked(values)
