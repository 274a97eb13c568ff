"""Form fields that several widgets use; every one shows its unit and says where its number comes from."""

import math
from collections.abc import Callable, Iterable

from magicgui.widgets import ComboBox, Container, Label, LineEdit, Widget
from napari.layers import Image as ImageLayer
from napari.viewer import Viewer
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QLabel, QScrollArea, QScrollBar, QSizePolicy, QToolButton, QVBoxLayout, QWidget

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

    def suggest(self, text: str) -> None:
        """Say in grey what an empty field means now."""
        self._edit.native.setPlaceholderText(text)

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


class Fold(QWidget):
    """A body under a title that a click opens and closes; closed at first.

    Parameters
    ----------
    title : str
        What the body is about.
    tooltip : str
        The same in a sentence.
    body : QWidget
        What is shown and hidden.
    """

    def __init__(self, title: str, *, tooltip: str, body: QWidget) -> None:
        super().__init__()
        self._body = body
        self.header = QToolButton()
        self.header.setText(title)
        self.header.setToolTip(tooltip)
        self.header.setCheckable(True)
        self.header.setAutoRaise(True)
        self.header.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.header.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.header.toggled.connect(self._show)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.header)
        layout.addWidget(body)
        self._show(False)

    def _show(self, opened: bool) -> None:
        self.header.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        self._body.setVisible(opened)


class Section(Fold):
    """Fields under a title that a click opens and closes; closed at first.

    Parameters
    ----------
    title : str
        What the fields are about.
    tooltip : str
        The same in a sentence.
    content : Container
        The fields.
    """

    def __init__(self, title: str, *, tooltip: str, content: Container[Widget]) -> None:
        super().__init__(title, tooltip=tooltip, body=content.native)
        self.content = content


class FormScroll(QScrollArea):
    """A form that can be scrolled where it is taller than its place, and takes no more than it needs where it is not.

    Parameters
    ----------
    content : QWidget
        The form.
    """

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self._content = content
        self._bar = QScrollBar()
        self.setVerticalScrollBar(self._bar)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setWidget(content)
        content.installEventFilter(self)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's naming
        """All of the form; Qt's own hint stops at 24 lines."""
        return self._content.sizeHint() + self._room_around()

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's naming
        """The form's width and a few of its rows."""
        least = self._content.minimumSizeHint() + self._room_around()
        return QSize(least.width(), min(least.height(), 8 * self.fontMetrics().lineSpacing()))

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 - Qt's naming
        """Ask for another height when a section of the form opens or closes."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def _room_around(self) -> QSize:
        border = 2 * self.frameWidth()
        return QSize(border + self._bar.sizeHint().width(), border)


def align_labels(*forms: Container[Widget]) -> None:
    """Give the labels of several forms below each other one width."""
    labels = [
        label
        for one in forms
        for field in one
        if isinstance(label := field.native.parentWidget().layout().itemAt(0).widget(), QLabel)
    ]
    width = max(label.minimumWidth() for label in labels)
    for label in labels:
        label.setMinimumWidth(width)


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
