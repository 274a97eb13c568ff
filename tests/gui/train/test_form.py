"""The form of a training run gives back what was put in."""

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QLabel

from napari_contransgan.config import PairFolders, SimulationSettings, TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.folders import FoldersEdit
from napari_contransgan.gui.train.form import TrainForm

pytestmark = pytest.mark.gui


@pytest.fixture
def form(qtbot: QtBot) -> TrainForm:
    form = TrainForm()
    qtbot.addWidget(form)
    return form


def test_form_gives_back_the_settings_that_were_put_in(qtbot: QtBot, form: TrainForm, tmp_path: Path) -> None:
    settings = TrainSettings(
        lr=tmp_path / "lr",
        phase=tmp_path / "phase",
        pairs=(tmp_path / "a", tmp_path / "b"),
        bad_images="skip",
        generator="swin",
        preset="tiny",
        recipe="paper",
        steps=123,
        batch_size=6,
        accumulate=3,
        crop_px=96,
        device="cpu",
        threads=3,
        learning_rate=3.5e-5,
        lambda_cycle=3.5,
        lambda_gan=0.7,
        lambda_physics=0.125,
        gradient_penalty=2.5,
        cycle_noise=0.01,
        validate_every=17,
        save_every=19,
        previews=5,
        seed=7,
        ema_decay=0.9,
    )
    with qtbot.waitSignal(form.valueChanged):
        form.setValue(settings)
    assert TrainSettings.checked(form.value()) == settings


def test_form_starts_with_the_default_settings(form: TrainForm, tmp_path: Path) -> None:
    form.pairs.setValue([tmp_path])
    assert TrainSettings.checked(form.value()) == TrainSettings(pairs=(tmp_path,))


def test_pairs_in_two_folders_have_a_line_for_each(form: TrainForm, tmp_path: Path) -> None:
    form.pairs.setValue([tmp_path / "images", tmp_path / "more"])
    form.pairs_phase.setValue([tmp_path / "labels", tmp_path / "TIE"])
    pairs = (
        PairFolders(lr=tmp_path / "images", phase=tmp_path / "labels"),
        PairFolders(lr=tmp_path / "more", phase=tmp_path / "TIE"),
    )
    settings = TrainSettings.checked(form.value())
    assert settings.pairs == pairs
    form.setValue(TrainSettings(pairs=(tmp_path,)))
    assert form.pairs_phase.value() == ()
    form.setValue(settings)
    assert form.pairs_phase.value() == (tmp_path / "labels", tmp_path / "TIE")
    assert TrainSettings.checked(form.value()) == settings


def test_a_data_set_among_pairs_in_two_folders_is_shown_and_given_back(form: TrainForm, tmp_path: Path) -> None:
    settings = TrainSettings(pairs=(tmp_path / "set", PairFolders(lr=tmp_path / "images", phase=tmp_path / "labels")))
    form.setValue(settings)
    assert form.pairs.value() == (tmp_path / "set" / "lr", tmp_path / "images")
    assert form.pairs_phase.value() == (tmp_path / "set" / "phase", tmp_path / "labels")
    assert TrainSettings.checked(form.value()) == settings


def test_a_folder_of_phase_too_few_is_refused(form: TrainForm) -> None:
    form.pairs.setValue([Path("a"), Path("b")])
    form.pairs_phase.setValue([Path("c")])
    with pytest.raises(InputError, match="give one folder of phase maps for each folder of images"):
        form.value()


def test_data_simulated_on_the_fly_survive_an_edit(form: TrainForm) -> None:
    recipes = (SimulationSettings(specimen="hela", count=4, field_px=80), SimulationSettings(count=3, seed=9))
    form.setValue(TrainSettings(simulate=recipes, simulation_workers=0))
    form.steps.setValue(77)
    settings = TrainSettings.checked(form.value())
    assert (settings.simulate, settings.simulation_workers, settings.steps) == (recipes, 0, 77)


def test_empty_weights_leave_the_choice_to_the_recipe(form: TrainForm, tmp_path: Path) -> None:
    form.setValue(TrainSettings(pairs=(tmp_path,), lambda_gan=1.0, learning_rate=1e-3))
    form.advanced["lambda_gan"].setText("")
    form.advanced["learning_rate"].setText("  ")
    settings = TrainSettings.checked(form.value())
    assert settings.lambda_gan is None
    assert settings.learning_rate is None


@pytest.mark.parametrize(("name", "text"), [("lambda_gan", "much"), ("lambda_cycle", ""), ("learning_rate", "-1")])
def test_a_weight_that_is_no_number_is_refused_by_its_name(
    form: TrainForm, tmp_path: Path, name: str, text: str
) -> None:
    form.setValue(TrainSettings(pairs=(tmp_path,)))
    form.advanced[name].setText(text)
    with pytest.raises(InputError, match=name):
        TrainSettings.checked(form.value())


@pytest.mark.parametrize("text", ["0", "1.5", "all"])
def test_a_number_of_threads_is_a_whole_one_and_an_empty_line_is_automatic(
    form: TrainForm, tmp_path: Path, text: str
) -> None:
    form.setValue(TrainSettings(pairs=(tmp_path,), threads=2))
    form.advanced["threads"].setText(text)
    with pytest.raises(InputError, match="threads"):
        TrainSettings.checked(form.value())
    form.advanced["threads"].setText("")
    assert TrainSettings.checked(form.value()).threads is None


def test_form_says_when_a_field_changes(qtbot: QtBot, form: TrainForm) -> None:
    for change in (
        lambda: form.steps.setValue(77),
        lambda: form.generator.setValue("unet"),
        lambda: form.pairs.setValue([Path("somewhere")]),
        lambda: form.pairs_phase.setValue([Path("somewhere")]),
        lambda: form.advanced["recipe"].setValue("paper"),
        lambda: form.advanced["cycle_noise"].setText("0.1"),
    ):
        with qtbot.waitSignal(form.valueChanged):
            change()


def test_advanced_settings_are_folded_away_at_first(qtbot: QtBot, form: TrainForm) -> None:
    form.show()
    assert not form.advanced.isVisible()
    form.advanced_fold.header.click()
    assert form.advanced.isVisible()


def test_every_field_explains_itself(form: TrainForm) -> None:
    for name, row in form.advanced.rows.items():
        assert len(row.field.toolTip()) > 20, name
    for label in form.findChildren(QLabel):
        assert not label.text() or label.toolTip(), label.text()


def test_folder_line_understands_several_folders_and_spaces(qtbot: QtBot) -> None:
    line = FoldersEdit(several=True)
    qtbot.addWidget(line)
    line.setValue([Path("one folder"), Path("two")])
    assert line.value() == (Path("one folder"), Path("two"))
    line.setValue([])
    assert line.value() == ()
