"""Form fields that several widgets use; every one shows its unit and says where its number comes from."""

import math
from collections.abc import Callable, Iterable

from magicgui.widgets import ComboBox, Container, Label, LineEdit, Widget
from napari.layers import Image as ImageLayer
from napari.viewer import Viewer
from qtpy.QtWidgets import QLabel, QSizePolicy

from napari_contransgan.errors import InputError
from napari_contransgan.io import Image
from napari_contransgan.optics import DEFAULT_WAVELENGTH_UM


class NumberField(Container[Widget]):
    """A number that may be left out, with a word beside it on where it comes from.

    Parameters
    ----------
    label : str
        Name with its unit, such as ``"Pixel size (µm)"``.
    tooltip : str
        What it is, in plain words.
    empty : str
        What an empty field means, shown in grey inside it.
    """

    def __init__(self, *, name: str, label: str, tooltip: str, empty: str) -> None:
        self._edit = LineEdit(tooltip=tooltip)
        self._origin = Label(value="")
        super().__init__(
            name=name,
            label=label,
            tooltip=tooltip,
            layout="horizontal",
            labels=False,
            widgets=[self._edit, self._origin],
        )
        self.margins = (0, 0, 0, 0)
        self._edit.native.setPlaceholderText(empty)
        self._edit.native.setMinimumWidth(70)
        self._stated: float | None = None
        self._origin.visible = False
        self._edit.changed.connect(self._on_edit)

    def state(self, number: float | None, origin: str) -> None:
        """Fill in a number that the file, the layer or the program states; None leaves the field empty."""
        self._stated = number
        with self._edit.changed.blocked():
            self._edit.value = "" if number is None else f"{number:.6g}"
        self._tell(origin if number is not None else "")

    @property
    def typed(self) -> bool:
        """Whether the number was typed in, and not stated by the file, the layer or the program."""
        return self._stated is None and self.number is not None

    @property
    def number(self) -> float | None:
        """The number, to its full precision where it was stated; None for an empty field.

        Raises
        ------
        InputError
            If what was typed is no number, or not a finite one.
        """
        if self._stated is not None:
            return self._stated
        text = str(self._edit.value).strip()
        if not text:
            return None
        try:
            number = float(text.replace(",", "."))
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise InputError(f"{self.label}: '{text}' is not a number that can be used: type digits")
        return number

    @property
    def text_box(self) -> LineEdit:
        """The box that the number is typed into."""
        return self._edit

    def _on_edit(self, text: str) -> None:
        self._stated = None
        self._tell("typed in" if text.strip() else "")

    def _tell(self, origin: str) -> None:
        self._origin.value = origin
        self._origin.visible = bool(origin)


def pixel_size_field(use: str = "") -> NumberField:
    """Make the field for the size of a pixel; `use` says what it is needed for."""
    return NumberField(
        name="pixel_size",
        label="Pixel size (µm)",
        tooltip=f"Size of one pixel in the specimen; {use}" if use else "Size of one pixel in the specimen.",
        empty="not stated",
    )


def wavelength_field(use: str) -> NumberField:
    """Make the field for the wavelength; `use` says more about it."""
    return NumberField(
        name="wavelength", label="Wavelength (µm)", tooltip=f"Of the light, in vacuum{use}", empty="not stated"
    )


def form(*fields: Widget) -> Container[Widget]:
    """Lay fields out below each other, their labels in one column."""
    box: Container[Widget] = Container()
    box.margins = (0, 0, 0, 0)
    box.extend(fields)  # magicgui lines labels up only for fields that are added after the beginning
    box.native.setMinimumWidth(300)
    for field in fields:
        label = field.native.parentWidget().layout().itemAt(0).widget()
        if isinstance(label, QLabel):
            label.setMinimumWidth(round(1.2 * label.minimumWidth()))  # it measures before napari sets its larger font
    return box


def wrapped_text(*, tooltip: str = "") -> Label:
    """Text in as many lines as it needs, which leaves the width of the dock to the other fields."""
    label = Label(value="", tooltip=tooltip)
    label.native.setWordWrap(True)
    policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    policy.setHeightForWidth(True)
    label.native.setSizePolicy(policy)
    return label


def layer_choice(
    viewer: Viewer, *, name: str, label: str, tooltip: str, suits: Callable[[ImageLayer], bool] = lambda _: True
) -> ComboBox:
    """Offer the viewer's image layers, beginning with the active one if it suits."""

    def choices(_: object) -> Iterable[tuple[str, ImageLayer]]:
        return [(layer.name, layer) for layer in viewer.layers if isinstance(layer, ImageLayer)]

    choice = ComboBox(name=name, label=label, tooltip=tooltip, choices=choices, nullable=False)
    choice.native.setSizeAdjustPolicy(choice.native.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    choice.native.setMinimumContentsLength(10)
    suited = [layer for layer in viewer.layers if isinstance(layer, ImageLayer) and suits(layer)]
    if suited:
        active = viewer.layers.selection.active
        choice.value = active if active in suited else suited[-1]
    return choice


def chosen_layer(choice: ComboBox) -> ImageLayer:
    """Give the chosen layer.

    Raises
    ------
    InputError
        If there is none.
    """
    if choice.value is None:
        raise InputError("there is no image layer: open an image first (drag it onto the window)")
    return choice.value


def state_wavelength(field: NumberField, image: Image, layer: ImageLayer) -> None:
    """Fill in the layer's wavelength, or green light, which most microscopists use, marked as such."""
    if image.wavelength_um is not None:
        field.state(image.wavelength_um, origin_of(layer))
    else:
        field.state(DEFAULT_WAVELENGTH_UM, "usual")


def origin_of(layer: ImageLayer) -> str:
    """Say where a layer's numbers come from."""
    return "from file" if layer.source.path else "from layer"
