"""Settings survive a YAML round trip, reject unknown keys, and report errors in one line."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from napari_contransgan.config import (
    PairFolders,
    PredictSettings,
    SimulationSettings,
    TieSettings,
    TileSettings,
    TrainSettings,
    Variation,
    pair_folders,
)
from napari_contransgan.config.base import Settings
from napari_contransgan.config.microscope import PRESETS
from napari_contransgan.errors import InputError

EXAMPLES: list[Settings] = [
    TieSettings(z_um=(-3.0, 0.0, 3.5), focus_index=1, flip_z=True, regularisation=1e-3, wavelength_um=0.647),
    TieSettings(),
    TileSettings(rows=2, columns=3, overlap_px=16),
    PredictSettings(model="runs/best.safetensors", pixel_size_um=0.65, device="cpu", tile_px=224, overlap_px=32),
    SimulationSettings(specimen="psm", objective="4x", count=7, seed=3, defocus_um=-1.5),
    SimulationSettings(microscope=PRESETS["led"], variation=Variation(focus_um=(-10, 10), dust_specks=(0, 4))),
    TrainSettings(lr=Path("a b/lr"), phase=Path("phase"), pairs=(Path("one"), Path("two")), learning_rate=2e-4),
]
KINDS = [TieSettings, TileSettings, PredictSettings, SimulationSettings, TrainSettings]


@pytest.mark.parametrize("settings", EXAMPLES, ids=lambda settings: type(settings).__name__)
def test_settings_survive_yaml(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(settings.to_yaml(), encoding="utf-8")
    assert type(settings).from_yaml(path) == settings


def test_yaml_is_readable_and_tells_its_version() -> None:
    assert TileSettings(rows=2).to_yaml().splitlines() == ["version: 1", "rows: 2", "columns: 4", "overlap_px: 0"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_key_is_refused_by_name(kind: type[Settings], tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("wave_um: 0.5\n")
    with pytest.raises(InputError, match=r"settings\.yaml: wave_um: Extra"):
        kind.from_yaml(path)
    with pytest.raises(ValidationError, match="wave_um"):
        kind(wave_um=0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_layout_of_another_version_is_refused(kind: type[Settings]) -> None:
    with pytest.raises(ValidationError, match="version"):
        kind(version=2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rows: 0", "rows: Input should be greater than or equal to 1"),
        ("rows: many", "rows: Input should be a valid integer"),
        ("overlap: 3", "overlap: Extra inputs are not permitted"),
        ("- 1\n- 2", "contains no settings"),
        ("", "contains no settings"),
        ("rows: [1", "cannot be read as YAML"),
        ("rows: !!python/object/apply:os.getcwd []", "cannot be read as YAML"),
    ],
)
def test_a_bad_file_is_refused_in_one_line_that_names_it(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "tiles.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        TileSettings.from_yaml(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert words in message
    assert "\n" not in message


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "image.yaml").write_bytes(b"II*\0\xff\xfe\xfd")
    reasons = {tmp_path / "absent.yaml": "no such file", tmp_path: "not a regular", tmp_path / "image.yaml": "not text"}
    for path, words in reasons.items():
        with pytest.raises(InputError, match=words):
            TieSettings.from_yaml(path)


def test_settings_cannot_be_changed_by_accident() -> None:
    settings = TieSettings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.flip_z = True


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        (PredictSettings, {"tile_px": 100}, "tile_px"),
        (PredictSettings, {"tile_px": 224, "overlap_px": 140}, "overlap must not exceed half a tile"),
        (PredictSettings, {"device": "abacus"}, "device"),
        (SimulationSettings, {"field_px": 40}, "field_px"),
        (SimulationSettings, {"microscope": {"coherence": 0}}, "microscope.coherence: S = 0 lets no light through"),
        (SimulationSettings, {"objective": "63x"}, "unknown objective '63x': use one of 4x"),
        (
            SimulationSettings,
            {"objective": "20x", "defocus_um": 40, "field_px": 64},
            r"a field of 21 um is smaller than its margin of 27 um .* make field_px at least 84, or defocus less",
        ),
        (SimulationSettings, {"variation": {"focus_um": (2, 1)}}, r"the range \(2, 1\) is in the wrong order"),
        (SimulationSettings, {"variation": {"coherence_factor": (0, 1)}}, "coherence_factor"),
        (SimulationSettings, {"variation": {"pixel_size_factor": (0.5, 1)}}, "pixel_size_factor"),
        (TrainSettings, {}, "give the folders lr and phase, a folder of pairs"),
        (TrainSettings, {"lr": "a"}, "needs both folders"),
        (TrainSettings, {"phase": "a", "pairs": ["b"]}, "needs both folders"),
        (TrainSettings, {"pairs": ["a"], "crop_px": 100}, "crop_px"),
        (TrainSettings, {"pairs": [{"lr": "a", "phase": "a"}]}, "pairs: a contains both the images and their phase"),
        (TrainSettings, {"pairs": [{"lr": "a"}]}, r"pairs.0.two folders.phase: Field required"),
        (TrainSettings, {"pairs": [{"lr": "a", "phase": "b", "tie": "c"}]}, "pairs.0.two folders.tie: Extra inputs"),
        (TrainSettings, {"pairs": [3]}, "pairs.0.folder"),
        (TrainSettings, {"pairs": ["a"], "learning_rate": 0}, "learning_rate"),
        (TrainSettings, {"simulate": [{"specimen": "psm", "seed": 901}]}, "seed 901 is reserved"),
        (TieSettings, {"method": "magic"}, "method"),
        (TieSettings, {"regularisation": "some"}, "regularisation"),
    ],
)
def test_values_that_cannot_work_are_refused(kind: type[Settings], values: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        kind.checked(values, source="form")
    assert str(caught.value).startswith("form: ")


def test_two_folders_or_pairs_are_enough_to_train() -> None:
    assert TrainSettings(lr=Path("a"), phase=Path("b")).pairs == ()
    assert TrainSettings(pairs=[Path("a")]).pairs == (Path("a"),)


def test_pairs_are_folders_or_two_folders_each_and_survive_a_file(tmp_path: Path) -> None:
    settings = TrainSettings.checked({"pairs": ["a", {"lr": "b/images", "phase": "b/labels"}]})
    assert settings.pairs == (Path("a"), PairFolders(lr=Path("b/images"), phase=Path("b/labels")))
    (tmp_path / "run.yaml").write_text(settings.to_yaml())
    assert TrainSettings.from_yaml(tmp_path / "run.yaml") == settings
    assert TrainSettings.checked(settings.model_dump()) == settings
    assert list(map(str, settings.pairs)) == ["a", str(Path("b/images")) + " with " + str(Path("b/labels"))]


@pytest.mark.parametrize(("lr", "phase"), [("a/lr", "a/phase"), ("lr", "phase")])
def test_two_folders_of_one_data_set_are_that_data_set(lr: str, phase: str) -> None:
    assert TrainSettings(pairs=pair_folders([Path(lr)], [Path(phase)])).pairs == (Path(lr).parent,)
    other = (PairFolders(lr=Path(lr), phase=Path("b/phase")),)
    assert TrainSettings(pairs=other).pairs == other


def test_folders_are_joined_one_by_one() -> None:
    names = [Path(name) for name in "abcd"]
    assert pair_folders(names[:2], names[2:]) == (
        PairFolders(lr=names[0], phase=names[2]),
        PairFolders(lr=names[1], phase=names[3]),
    )
    assert pair_folders(names, []) == tuple(names)
    with pytest.raises(
        InputError, match=r"pairs: 3 folder\(s\) of images and 1 of phase maps: give one folder of phase"
    ):
        pair_folders(names[:3], names[3:])


def test_the_margin_grows_with_the_reach_of_defocused_light() -> None:
    assert SimulationSettings().margin_um == 5.0
    far = SimulationSettings(
        objective="10x", defocus_um=20.0, variation=Variation(focus_share=(0, 0), focus_um=(-5, 10))
    )
    # The steepest ray: 30 um from focus, NA 0.25 of the lens and 0.6 of that from the condenser.
    assert far.margin_um == pytest.approx(1.5 + 30 * 0.25 * 1.6)
