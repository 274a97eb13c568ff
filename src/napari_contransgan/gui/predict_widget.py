"""Dock widget: phase from one low-power bright-field image, by a trained network."""

from collections.abc import Generator
from typing import TYPE_CHECKING

from magicgui.widgets import CheckBox, ComboBox, Container, FileEdit, Widget
from napari.layers import Image as ImageLayer
from napari.viewer import Viewer

from napari_contransgan.config import PredictSettings
from napari_contransgan.events import Progress
from napari_contransgan.gui.fields import (
    chosen_layer,
    form,
    layer_choice,
    origin_of,
    pixel_size_field,
    wrapped_text,
)
from napari_contransgan.gui.layers import image_from_layer, set_pixel_size
from napari_contransgan.gui.predict_action import TITLE, add_prediction, predict_events
from napari_contransgan.gui.run_panel import RunPanel
from napari_contransgan.gui.workers import errors_shown, run_task
from napari_contransgan.io import Image
from napari_contransgan.optics import check_pixel_size

if TYPE_CHECKING:
    from napari_contransgan.models.checkpoint import ModelCard


class PredictWidget(Container[Widget]):
    """Choose an image, press Run: a phase layer in radians appears exactly over it."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._summaries: dict[str, tuple[str, str]] = {}
        self.image = layer_choice(
            viewer, name="image", label="Image", tooltip="A bright-field image; of stacks, each frame is predicted."
        )
        self.pixel_size = pixel_size_field("the network needs it to bring the image to its own grid.")
        self.model = ComboBox(
            name="model", label="Network", choices=["default"], tooltip="The networks that come with the plugin."
        )
        self.own_model = FileEdit(
            name="own_model",
            label="… or a file",
            nullable=True,
            filter="*.safetensors",
            tooltip="A network that you trained: its .safetensors file. Empty: the network chosen above.",
        )
        self.card = wrapped_text()
        self.surface = CheckBox(
            name="surface",
            label="",
            text="Also show 3D surface",
            tooltip="Add the phase as a surface and turn the view.",
        )
        self.panel = RunPanel("Run", "Predict the phase, in radians, and add it as a layer over the image.")
        fields = form(self.image, self.pixel_size, self.model, self.own_model)
        super().__init__(labels=False, widgets=[fields, self.card, self.surface, self.panel])
        self.image.changed.connect(self._on_image)
        self.model.changed.connect(self._show_card)
        self.panel.run_button.changed.connect(self.run)
        self._on_image(self.image.value)
        run_task(_model_summaries, title="List the networks", on_result=self._offer, owner=self.native)

    def settings(self) -> PredictSettings:
        """Read the form.

        Raises
        ------
        InputError
            If the pixel size is missing or no number.
        """
        return PredictSettings.checked(
            {
                "model": str(self.own_model.value or self.model.value),
                "pixel_size_um": check_pixel_size(self.pixel_size.number, f"layer '{chosen_layer(self.image).name}'"),
            },
            source=TITLE,
        )

    def run(self) -> None:
        """Start the prediction."""
        with errors_shown():
            layer = chosen_layer(self.image)
            image = image_from_layer(layer)
            settings = self.settings()
            typed_um = settings.pixel_size_um if self.pixel_size.typed else None  # now, whatever is typed meanwhile
            surface = self.surface.value
            self.panel.start(
                lambda: predict_events(image, settings),
                title=TITLE,
                on_result=lambda phase: self._add(phase, layer, typed_um, surface=surface),
            )

    def _add(self, phase: Image, layer: ImageLayer, typed_um: float | None, *, surface: bool) -> str:
        if typed_um is not None and layer in self._viewer.layers:
            set_pixel_size(layer, typed_um)  # else the phase would not lie over its image
        return add_prediction(self._viewer, phase, layer.name, surface=surface)

    def _on_image(self, layer: ImageLayer | None) -> None:
        if layer is not None:
            with errors_shown():
                self.pixel_size.state(image_from_layer(layer).pixel_size_um, origin_of(layer))

    def _offer(self, summaries: dict[str, tuple[str, str]]) -> None:
        self._summaries = summaries
        if summaries:
            self.model.choices = list(summaries)
        self._show_card(self.model.value)

    def _show_card(self, name: str) -> None:
        short, full = self._summaries.get(name, ("", ""))
        self.card.value = short
        self.card.tooltip = full


def _model_summaries() -> Generator[Progress, None, dict[str, tuple[str, str]]]:
    yield Progress(0, 0, "Listing the networks")
    from napari_contransgan.models.bundled import list_models

    return {name: card_summary(card) for name, card in list_models().items()}


def card_summary(card: "ModelCard") -> tuple[str, str]:
    """Say what a network is for and where it fails: shortly, and with its training, optics and figures."""
    figures = "\n".join(
        f"{data}: " + ", ".join(f"{name} {value:.3g}" for name, value in scores.items())
        for data, scores in card.figures.items()
    )
    short = [card.description, f"Limits: {card.limits}" if card.limits else ""]
    full = [f"Optics: {card.optics}", f"Data: {card.data}", f"Training: {card.recipe}", figures]
    return "\n".join(filter(None, short)), "\n\n".join(filter(None, [card.name, *short, *full]))
