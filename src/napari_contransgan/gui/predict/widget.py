"""Dock widget: phase from one low-power bright-field image, by a trained network."""

from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from magicgui.widgets import ComboBox, FileEdit, PushButton
from napari.layers import Image as ImageLayer
from napari.viewer import Viewer
from qtpy.QtCore import QEvent, QObject, QTimer

from napari_contransgan.config import PredictSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.predict.action import TITLE, add_prediction, predict_events
from napari_contransgan.gui.predict.folder import FolderButton
from napari_contransgan.gui.shared.fields import Tick
from napari_contransgan.gui.shared.form import FormWidget, chosen_layer, layer_choice, origin_of, wrapped_text
from napari_contransgan.gui.shared.layers import image_from_layer, set_pixel_size
from napari_contransgan.gui.shared.rows import Rows
from napari_contransgan.gui.shared.run_panel import RunPanel
from napari_contransgan.gui.shared.setting_fields import checked
from napari_contransgan.gui.shared.tasks import Task, errors_shown, run_task
from napari_contransgan.optics import check_pixel_size
from napari_contransgan.progress import Progress
from napari_contransgan.training.known_runs import known_runs, run_titles
from napari_contransgan.training.run_folder import BEST

if TYPE_CHECKING:
    from napari_contransgan.inference import Prediction
    from napari_contransgan.models.checkpoint import ModelCard

PIXEL_SIZES_AGREE = 0.02


@dataclass(frozen=True)
class Summary:
    """What a model card says.

    Parameters
    ----------
    short, full : str
        Its text.
    adapted_name : str
        What the user calls a network that was adapted; empty for others.
    adapted_um : float or None
        Pixel size that it was adapted to.
    """

    short: str = ""
    full: str = ""
    adapted_name: str = ""
    adapted_um: float | None = None

    def suits(self, pixel_size_um: float | None) -> bool:
        """Whether the network was adapted to images of this pixel size."""
        if self.adapted_um is None or not pixel_size_um:
            return False
        return abs(self.adapted_um / pixel_size_um - 1) <= PIXEL_SIZES_AGREE


Summaries = dict[str, Summary]
"""Summaries of model cards, by the name of a bundled network or the path of a checkpoint."""


class PredictWidget(FormWidget):
    """Predicts the phase of an image layer; the result, in radians, is a layer aligned with it."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._bundled = ["all"]
        self._runs: dict[str, Path] = {}
        self._stamps: dict[Path, int] | None = None
        self._offered: list[tuple[str, str]] = []
        self._summaries: Summaries = {}
        self._reading: Task[Progress, Summaries] | None = None
        self._picked = False
        self._pixel_size_um: float | None = None
        self.image = layer_choice(
            viewer,
            name="image",
            label="Image",
            tooltip="A bright-field image. In a stack, each frame is predicted on its own.",
        )
        self.model = ComboBox(
            name="model",
            label="Network",
            choices=lambda _: self._networks(),
            tooltip="Networks that come with the plugin, and networks trained on this computer.",
        )
        self.own_model = FileEdit(
            name="own_model",
            label="… or a file",
            nullable=True,
            filter="*.safetensors",
            tooltip="The .safetensors file of another network. Empty: the network chosen above.",
        )
        self.card = wrapped_text()
        self.adapt_button = PushButton(
            text="Numbers off? Adapt to your microscope",
            tooltip="Opens a form that trains the network for about a minute on a focus stack of your own.",
        )
        self.panel = RunPanel("Run", "Predicts the phase, in radians, and adds it as a layer over the image.")
        fields = Rows()
        fields.add_magicgui(self.image)
        fields.add_settings(PredictSettings, "pixel_size_um", "dark")
        fields.add_magicgui(self.model)
        fields.add_magicgui(self.own_model)
        fields.add_wide(self.card.native)
        self.surface = fields.add(
            "surface", "", Tick("Also show 3D surface"), "Adds the phase as a surface and switches the viewer to 3D."
        )
        fields.add_settings(PredictSettings, "trust")
        self.folder_button = FolderButton(self.folder_settings, self.panel)
        super().__init__(fields, [self.panel, self.folder_button, self.adapt_button])
        self.pixel_size, self.dark = fields["pixel_size_um"], fields["dark"]
        self.image.changed.connect(self._on_image)
        self.model.changed.connect(self._on_model)
        self.panel.run_button.changed.connect(self.run)
        self.adapt_button.changed.connect(self.open_adapting)
        self._on_image(self.image.value)
        self._read_soon = QTimer(self.native)
        self._read_soon.setSingleShot(True)
        self._read_soon.timeout.connect(self._read_cards)
        self.refresh()
        self._before_use = _BeforeUse(self.model.native, self.refresh)

    def settings(self) -> PredictSettings:
        """Read the form.

        Raises
        ------
        InputError
            If the pixel size is missing or a number is not valid.
        """
        values = self.fields.values_of(PredictSettings)
        check_pixel_size(values["pixel_size_um"], f"layer '{chosen_layer(self.image).name}'")
        model = str(self.own_model.value or self.model.value)
        return checked(PredictSettings, values | {"model": model}, TITLE)

    def folder_settings(self) -> PredictSettings:
        """Read the form for images whose own pixel size counts, unless one was typed."""
        values = self.fields.values_of(PredictSettings) | {"model": str(self.own_model.value or self.model.value)}
        if not self.pixel_size.typed:
            values["pixel_size_um"] = None
        return checked(PredictSettings, values, TITLE)

    def run(self) -> None:
        """Start the prediction."""
        with errors_shown():
            layer = chosen_layer(self.image)
            image = replace(
                image_from_layer(layer), dark_counts=None
            )  # the form decides, also if the field was cleared
            settings = self.settings()
            typed_um = settings.pixel_size_um if self.pixel_size.typed else None  # read now: the user may edit it
            surface = self.surface.value()
            self.panel.start(
                lambda: predict_events(image, settings),
                title=TITLE,
                on_result=lambda prediction: self._add(prediction, layer, typed_um, surface=surface),
            )

    def open_adapting(self) -> None:
        """Open the form that adapts a network."""
        self._viewer.window.add_plugin_dock_widget("napari-contransgan", "Adapt to my microscope")

    def _add(self, prediction: "Prediction", layer: ImageLayer, typed_um: float | None, *, surface: bool) -> str:
        if typed_um is not None and layer in self._viewer.layers:
            set_pixel_size(layer, typed_um)  # so that the phase is aligned with the image
        return add_prediction(self._viewer, prediction, layer.name, surface=surface)

    def _on_image(self, layer: ImageLayer | None) -> None:
        if layer is not None:
            with errors_shown():
                image = image_from_layer(layer)
                self.pixel_size.state(image.pixel_size_um, origin_of(layer))
                self.dark.state(image.dark_counts, origin_of(layer))
            self._picked = False
            self._offer()

    def refresh(self) -> None:
        """Update the list of networks, and read the cards of those that are new or were trained further."""
        self._runs = {title: folder / BEST for title, folder in run_titles(known_runs()).items()}
        self._offer()
        # Not now: a task's activity bar lets napari handle events, and inside a show event, while Qt goes through the
        # dock's children, that may delete one of them.
        self._read_soon.start()

    def _read_cards(self) -> None:
        stamps = {path: _changed_ns(path) for path in self._runs.values()}
        if self._reading is None and stamps != self._stamps:
            self._stamps = stamps
            self._reading = run_task(
                lambda: _read_summaries(list(stamps)),
                title="List the networks",
                on_result=self._take,
                on_finished=self._end_reading,
                owner=self.native,
            )

    def _networks(self) -> list[tuple[str, str]]:
        """List the networks; those adapted to images of this pixel size come first, the latest of them at the top."""
        first: list[tuple[str, str]] = []
        others: list[tuple[str, str]] = []
        for title, path in self._runs.items():
            summary = self._summaries.get(str(path), Summary())
            named = f"{summary.adapted_name} (adapted, {title})" if summary.adapted_name else title
            (first if summary.suits(self._pixel_size_um) else others).append((named, str(path)))
        return [*first, *((name, name) for name in self._bundled), *others]

    def _on_model(self, name: str) -> None:
        self._picked = True
        self._show_card(name)

    def _offer(self) -> None:
        with suppress(InputError):  # a number that is half typed
            self._pixel_size_um = self.pixel_size.number
        chosen, networks = self.model.value, self._networks()
        if networks != self._offered:  # otherwise an open list would move under the mouse
            self._offered = networks
            with self.model.changed.blocked():
                self.model.choices = networks[:1]  # so that new ones are listed in their place, not at the end
                self.model.reset_choices()
                if self._picked and chosen in self.model.choices:
                    self.model.value = chosen
        self._show_card(self.model.value)

    def _take(self, summaries: Summaries) -> None:
        self._summaries = summaries
        paths = set(map(str, self._stamps or ()))
        self._bundled = [name for name in summaries if name not in paths] or self._bundled
        self._offer()

    def _end_reading(self) -> None:
        self._reading = None

    def _show_card(self, name: str) -> None:
        summary = self._summaries.get(name, Summary())
        self.card.value = summary.short
        self.card.tooltip = summary.full


class _BeforeUse(QObject):
    """Calls a function when a field is shown, and before a click or a key reaches it.

    Parameters
    ----------
    field : QObject
        The field's Qt widget, which owns this object.
    call : callable
        Function to call.
    """

    def __init__(self, field: QObject, call: Callable[[], None]) -> None:
        super().__init__(field)
        self._call = call
        field.installEventFilter(self)

    def eventFilter(self, _: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 - Qt's naming
        """Call the function, and pass the event on."""
        if event is not None and event.type() in (
            QEvent.Type.Show,
            QEvent.Type.MouseButtonPress,
            QEvent.Type.KeyPress,
        ):
            self._call()
        return False


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _read_summaries(paths: Sequence[Path]) -> Generator[Progress, None, Summaries]:
    yield Progress(0, 0, "Listing the networks")
    from napari_contransgan.adapting.card import adaptation_of
    from napari_contransgan.models.bundled import list_models
    from napari_contransgan.models.checkpoint import read_card

    summaries = {name: Summary(*card_summary(card)) for name, card in list_models().items()}
    for path in paths:
        try:
            card = read_card(path)
        except InputError as error:
            summaries[str(path)] = Summary(str(error), f"{path.parent}\n\n")
            continue
        short, full = card_summary(card)
        adapted = adaptation_of(card) or {}
        summaries[str(path)] = Summary(
            short, f"{path.parent}\n\n{full}", str(adapted.get("name", "")), adapted.get("pixel_size_um")
        )
    return summaries


def card_summary(card: "ModelCard") -> tuple[str, str]:
    """Describe what a network is for and its limits: in short, and with its training, optics and scores."""
    figures = "\n".join(
        f"{data}: " + ", ".join(f"{name} {value:.3g}" for name, value in scores.items())
        for data, scores in card.figures.items()
    )
    short = [card.description, f"Limits: {card.limits}" if card.limits else ""]
    full = [f"Optics: {card.optics}", f"Data: {card.data}", f"Training: {card.recipe}", figures]
    return "\n".join(filter(None, short)), "\n\n".join(filter(None, [card.name, *short, *full]))
