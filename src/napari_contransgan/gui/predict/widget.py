"""Dock widget: phase from one low-power bright-field image, by a trained network."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, FileEdit, PushButton
from napari.layers import Image as ImageLayer
from napari.viewer import Viewer
from qtpy.QtCore import QEvent, QObject, Qt, QTimer

from napari_contransgan.config import PredictSettings
from napari_contransgan.errors import InputError
from napari_contransgan.gui.predict.cards import Summaries, Summary, read_summaries
from napari_contransgan.gui.predict.error_view import CHOICES, ErrorView
from napari_contransgan.gui.predict.folder import QUESTION, TEXT, TOOLTIP, folder_events
from napari_contransgan.gui.predict.optics import OpticsPart
from napari_contransgan.gui.predict.work import TITLE, add_prediction, predict_events
from napari_contransgan.gui.shared.fields import Choice, NumberLine, Tick
from napari_contransgan.gui.shared.folder_button import FolderButton, MakeEvents
from napari_contransgan.gui.shared.form import (
    Fold,
    FormWidget,
    chosen_layer,
    keep_narrow,
    layer_choice,
    origin_of,
    shown_as_text,
    wrapped_text,
)
from napari_contransgan.gui.shared.layers import METADATA_KEY, image_from_layer, set_pixel_size
from napari_contransgan.gui.shared.next_steps import with_phase
from napari_contransgan.gui.shared.open import open_widget
from napari_contransgan.gui.shared.optics_fields import remember_typed, state_optics
from napari_contransgan.gui.shared.pacing import soon
from napari_contransgan.gui.shared.preferences import FROM_PREFERENCES, preferences
from napari_contransgan.gui.shared.rows import Rows, WrappedLabel
from napari_contransgan.gui.shared.run_panel import RunPanel
from napari_contransgan.gui.shared.setting_fields import checked
from napari_contransgan.gui.shared.tasks import Task, errors_shown, run_task
from napari_contransgan.optics import check_pixel_size
from napari_contransgan.progress import Progress
from napari_contransgan.training.known_runs import known_runs, run_titles
from napari_contransgan.training.run_folder import BEST

if TYPE_CHECKING:
    from napari_contransgan.inference import Prediction


LISTING = "Listing the networks …"


class PredictWidget(FormWidget):
    """Predicts the phase of an image layer; the result, in radians, is a layer aligned with it."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._bundled = ["all"]
        self._runs: dict[str, Path] = {}
        self._stamps: dict[Path, int] | None = None
        self._offered: list[tuple[str, str]] = []
        self._summaries: Summaries = {}
        self._is_listed = False
        self._reading: Task[Progress, Summaries] | None = None
        self._picked = False
        self._pixel_size_um: float | None = None
        self._waiting: list[ImageLayer] = []
        self._predicted: ImageLayer | None = None
        self.image = layer_choice(
            viewer,
            name="image",
            label="Image",
            tooltip="A bright-field image. In a stack, each frame is predicted on its own.",
            suits=lambda layer: layer.metadata.get(METADATA_KEY, {}).get("quantity", "intensity") == "intensity",
        )
        self.model = ComboBox(
            name="model",
            label="Network",
            choices=lambda _: self._networks(),
            tooltip="Networks that come with the plugin, and networks trained on this computer.",
        )
        keep_narrow(self.model)
        self.own_model = FileEdit(
            name="own_model",
            label="… or a file",
            nullable=True,
            filter="*.safetensors",
            tooltip="The .safetensors file of another network. Empty: the network chosen above.",
        )
        self.brief = WrappedLabel(least_lines=2)
        self.brief.setTextFormat(Qt.TextFormat.PlainText)
        self.card = wrapped_text()
        self.about = Fold("About this network", tooltip="What it was made for, and its limits.", body=self.card.native)
        self.adapt_button = PushButton(
            text="Numbers off? Adapt to your microscope",
            tooltip="Opens a form that trains the network for about a minute on a focus stack of your own.",
        )
        self.panel = RunPanel(
            "Run", "Predicts the phase, in radians, and adds it as a layer over the image.", on_busy=self._on_busy
        )
        fields = Rows()
        fields.add_magicgui(self.image)
        fields.add_settings(PredictSettings, "pixel_size_um", "dark")
        fields.add_magicgui(self.model)
        fields.add_magicgui(self.own_model)
        fields.add_wide(self.brief)
        fields.add_wide(self.about)
        self.optics = OpticsPart()
        fields.add_wide(self.optics)
        self.surface = fields.add(
            "surface", "", Tick("Also show 3D surface"), "Adds the phase as a surface and switches the viewer to 3D."
        )
        fields.add_settings(PredictSettings, "trust")
        self.error_view = fields.add(
            "error_view", "Error shown as", Choice(CHOICES), "Contours are drawn at 0.1, 0.2, 0.5 and 1 rad."
        )
        self.error_view.setEnabled(False)
        fields["trust"].toggled.connect(self.error_view.setEnabled)
        self.folder_button = FolderButton(TEXT, TOOLTIP, QUESTION, self.panel, self._folder_work)
        super().__init__(fields, [self.panel, self.folder_button, self.adapt_button], tab="Predict")
        self.pixel_size, self.dark = fields["pixel_size_um"], fields["dark"]
        self.image.changed.connect(self._on_image)
        self.model.changed.connect(self._on_model)
        self.own_model.changed.connect(self._show_optics)
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
        values = self._values()
        check_pixel_size(values["pixel_size_um"], f"layer '{chosen_layer(self.image).name}'")
        return checked(PredictSettings, values, TITLE)

    def folder_settings(self) -> PredictSettings:
        """Read the form for images whose own pixel size counts, unless one was typed."""
        values = self._values()
        if not self.pixel_size.typed:
            values["pixel_size_um"] = None
        if self._takes_optics():
            values |= self.optics.typed_values()
        return checked(PredictSettings, values, TITLE)

    def _folder_work(self, folder: Path) -> MakeEvents:
        settings = self.folder_settings()
        return lambda: folder_events(folder, settings)

    def _values(self) -> dict[str, Any]:
        model = str(self.own_model.value or self.model.value)
        computed = preferences().changed("device", "threads")
        optics = self.optics.values() if self._takes_optics() else {}
        return self.fields.values_of(PredictSettings) | optics | computed | {"model": model}

    def _optics_fields(self) -> dict[str, NumberLine]:
        """Return the fields that the file may fill in."""
        return {"pixel_size_um": self.pixel_size, **self.optics.fields()}

    def _takes_optics(self) -> bool:
        """Whether the chosen network can be told the optics; one from a file may, and says so if it cannot."""
        return bool(self.own_model.value) or self._summaries.get(self.model.value, Summary()).takes_optics

    def run(self) -> None:
        """Start the prediction."""
        with errors_shown():
            layer = chosen_layer(self.image)
            # The form decides, also if a field was cleared.
            image, settings = replace(image_from_layer(layer), dark_counts=None), self.settings()
            remember_typed(self._optics_fields(), image)
            if self._takes_optics():
                image = replace(image, numerical_aperture=settings.numerical_aperture, coherence=settings.coherence)
            self._predicted = layer
            typed_um = settings.pixel_size_um if self.pixel_size.typed else None  # read now: the user may edit it
            surface, error_view = self.surface.value(), self.error_view.value()
            self.panel.start(
                lambda: predict_events(image, settings),
                title=TITLE,
                on_result=lambda prediction: self._add(
                    prediction, layer, typed_um, surface=surface, error_view=error_view
                ),
            )

    def predict(self, layers: Sequence[ImageLayer]) -> None:
        """Predict layers one after the other, as if each was chosen and Run was pressed.

        A layer that waits or is being predicted is not predicted again. One without a pixel size is shown in the form,
        which asks for it.
        """
        busy = self._predicted if self.panel.task is not None else None
        self._waiting += [layer for layer in layers if layer != busy and layer not in self._waiting]
        self._predict_next()

    def use_path(self, path: Path, *, is_phase: bool = False) -> None:
        """Choose a network that was trained or adapted on this computer, or any other by its file."""
        del is_phase
        self.refresh()
        if str(path) in self.model.choices:
            self.own_model.value = None
            self.model.value = str(path)
        else:
            self.own_model.value = path

    def open_adapting(self) -> None:
        """Open the form that adapts a network."""
        open_widget(self._viewer, "adapt")

    def _add(
        self,
        prediction: "Prediction",
        layer: ImageLayer,
        typed_um: float | None,
        *,
        surface: bool,
        error_view: ErrorView,
    ) -> str:
        if typed_um is not None and layer in self._viewer.layers:
            set_pixel_size(layer, typed_um)  # so that the phase is aligned with the image
        text, layers = add_prediction(self._viewer, prediction, layer.name, surface=surface, error_view=error_view)
        self.panel.offer_to_save(self._viewer, layers, layer)
        self.panel.offer_next(with_phase(self._viewer, layers[0]))
        return text

    def _on_image(self, layer: ImageLayer | None) -> None:
        if layer is not None:
            with errors_shown():
                image = image_from_layer(layer)
                state_optics(self._optics_fields(), image, layer)
                self.optics.forget_focus()
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
                lambda: read_summaries(list(stamps)),
                title="List the networks",
                on_result=self._take,
                on_finished=self._end_reading,
                owner=self.native,
            )
        self._predict_next()

    def _networks(self) -> list[tuple[str, str]]:
        """List the networks, the one to use first: adapted to images of this pixel size, then the preferred one."""
        first: list[tuple[str, str]] = []
        others: list[tuple[str, str]] = []
        preferred = preferences().network
        for title, path in self._runs.items():
            summary = self._summaries.get(str(path), Summary())
            named = f"{summary.adapted_name} (adapted, {title})" if summary.adapted_name else title
            (first if summary.suits(self._pixel_size_um) else others).append((named, str(path)))
        bundled = [(self._summaries.get(name, Summary()).purpose, name) for name in self._bundled]
        rest = [*((f"{name}: {purpose}" if purpose else name, name) for purpose, name in bundled), *others]
        rest.sort(key=lambda network: not self._is_called(network[1], preferred))
        return [*first, *rest]

    def _is_called(self, network: str, name: str) -> bool:
        """Whether a network has this name: its own, the one that the user gave it, or the title of its run."""
        own_name = self._summaries.get(network, Summary()).adapted_name
        return name in (network, own_name) or network == str(self._runs.get(name))

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
        self._reading, self._is_listed = None, True
        self._offer()
        self._predict_next()

    def _on_busy(self, busy: bool) -> None:
        if not busy:
            soon(self, self._predict_next)

    def _predict_next(self) -> None:
        """Predict the next layer that waits, once the list of networks is complete and nothing else is predicted."""
        if self.panel.task is not None or self._reading is not None or self._read_soon.isActive():
            return
        while self._waiting:
            layer = self._waiting.pop(0)
            if layer not in self._viewer.layers:
                continue
            self.image.value = layer
            if image_from_layer(layer).pixel_size_um is None:
                self.panel.message.value = f"'{layer.name}' states no pixel size: check it above, then press Run."
                self.pixel_size.setFocus()
                return
            self.run()
            return

    def _show_optics(self) -> None:
        self.optics.setVisible(self._takes_optics())

    def _show_card(self, name: str) -> None:
        summary = self._summaries.get(name, Summary())
        self._show_optics()
        preferred = preferences().changed("network").get("network")
        is_preferred = preferred and self._is_called(name, preferred) and not self._picked
        brief = summary.brief if self._is_listed or summary.brief else LISTING
        self.brief.setText(f"{brief}\n({FROM_PREFERENCES})" if is_preferred else brief)
        self.brief.setToolTip(shown_as_text(summary.full))
        self.card.value = summary.short
        self.card.tooltip = shown_as_text(summary.full)


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
