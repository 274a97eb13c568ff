"""What forms are built of besides their fields: layer choices, folded parts, wrapped text."""

import html
from collections.abc import Callable, Iterable, Mapping, Sequence

from magicgui.widgets import ComboBox, Label, Widget
from napari.layers import Image as ImageLayer
from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy, QToolButton, QVBoxLayout, QWidget

from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.dock import DockedWidget
from napari_contransgan.gui.shared.fields import leave_wheel_to_form
from napari_contransgan.gui.shared.long_names import show_both_ends
from napari_contransgan.gui.shared.rows import Rows


class FormWidget(DockedWidget):
    """A dock widget with a form at the top, and further widgets below it.

    Parameters
    ----------
    fields : Rows
        The form.
    below : sequence of magicgui Widget or QWidget
        Buttons and texts.
    tab : str
        Short title; see `DockedWidget`.
    """

    def __init__(self, fields: Rows, below: Sequence[Widget | QWidget], tab: str = "") -> None:
        super().__init__(tab)
        self.fields = fields
        self._below = tuple(below)
        self.content.addWidget(fields)
        for widget in below:
            self.content.addWidget(widget.native if isinstance(widget, Widget) else widget)
        self.content.addStretch(1)

    def forms(self) -> Mapping[str, Rows]:
        """Return the form, whose values are kept."""
        return {"form": self.fields}

    def use(self, layer: Layer) -> None:
        """Choose a layer in the first field that offers it."""
        self.fields.choose_layer(layer)

    def reset_choices(self, *_: object) -> None:
        """Offer the layers that there are now; napari calls it, for a closed widget too."""
        if not self.is_closed:
            self.fields.reset_choices()


def shown_as_text(text: str) -> str:
    """Return a tooltip that Qt shows as it is, even if a stranger's text contains tags."""
    return f"<qt>{html.escape(text)}</qt>".replace("\n", "<br>") if "<" in text else text


def as_list(notes: Sequence[str]) -> str:
    """Return notes as a list, so that one sees where each begins."""
    return "\n".join(f"• {note}" for note in notes)


def wrapped_text(*, tooltip: str = "") -> Label:
    """Make text that wraps, so that it does not widen the dock."""
    label = Label(value="", tooltip=tooltip)
    label.native.setWordWrap(True)
    label.native.setTextFormat(Qt.TextFormat.PlainText)  # also the text of a stranger
    policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    policy.setHeightForWidth(True)
    label.native.setSizePolicy(policy)
    return label


class Fold(QWidget):
    """A body under a title that a click opens and closes; closed at first.

    superqt's QCollapsible fixes the height of an open body, so that a row of error text is cut off, leaves the fields
    of a closed one in the tab order, and draws its arrow in a colour that is lost in napari's dark theme.

    Parameters
    ----------
    title : str
        Title.
    tooltip : str
        What the body is about, in a sentence.
    body : QWidget
        Widget that is shown and hidden.
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
    """A form under a title; closed at first."""

    def __init__(self, title: str, tooltip: str) -> None:
        self.rows = Rows()
        super().__init__(title, tooltip=tooltip, body=self.rows)


def layer_choice(
    viewer: Viewer, *, name: str, label: str, tooltip: str, suits: Callable[[ImageLayer], bool] = lambda _: True
) -> ComboBox:
    """Make a choice of the viewer's image layers; the active one is chosen if it suits."""

    def choices(_: object) -> Iterable[tuple[str, ImageLayer]]:
        return [(layer.name, layer) for layer in viewer.layers if isinstance(layer, ImageLayer)]

    choice = ComboBox(name=name, label=label, tooltip=tooltip, choices=choices, nullable=False)
    keep_narrow(choice)
    suited = [layer for layer in viewer.layers if isinstance(layer, ImageLayer) and suits(layer)]
    if suited:
        active = viewer.layers.selection.active
        choice.value = active if active in suited else suited[-1]
    return choice


def keep_narrow(choice: ComboBox) -> None:
    """Keep a choice narrow, whatever the length of its texts, and leave the mouse wheel to the form.

    Long texts are shortened in the middle.
    """
    choice.native.setSizeAdjustPolicy(choice.native.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    choice.native.setMinimumContentsLength(10)
    show_both_ends(choice.native)
    leave_wheel_to_form(choice.native)


def chosen_layer(choice: ComboBox) -> ImageLayer:
    """Return the chosen layer.

    Raises
    ------
    InputError
        If there is none.
    """
    if choice.value is None:
        raise InputError("there is no image layer: open an image first, for example by dragging it onto the window")
    return choice.value


def origin_of(layer: ImageLayer) -> str:
    """Say where a layer's numbers come from."""
    return "from file" if layer.source.path else "from layer"
