"""The part that is kept back, as three pictures: phase before, phase now, and TIE's."""

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap, QResizeEvent
from qtpy.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from napari_contransgan.adapting.events import AdaptPreview
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM

TITLES = ("Before", "Now", "TIE")
DARKEST_RAD_BELOW = 0.3
"""Grey values begin so far below the background, in radians, and end at the largest values of the TIE phase."""
SMALLEST_PX, TALLEST_PX = 60, 260


class KeptBackPicture(QWidget):
    """Shows the newest preview of an adaptation; hidden until there is one."""

    def __init__(self) -> None:
        super().__init__()
        self._pictures = [_Picture() for _ in TITLES]
        self.text = QLabel()
        self.text.setWordWrap(True)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for column, (title, picture) in enumerate(zip(TITLES, self._pictures, strict=True)):
            layout.addWidget(QLabel(title), 0, column)
            layout.addWidget(picture, 1, column)
        layout.addWidget(self.text, 2, 0, 1, len(TITLES))
        self.setVisible(False)

    def show_preview(self, preview: AdaptPreview) -> None:
        """Draw a preview; all three maps have the same grey values."""
        maps = [preview.yx_before_rad, preview.yx_now_rad, preview.yx_label_rad]
        if maps[0].shape[0] < maps[0].shape[1]:
            maps = [np.rot90(one) for one in maps]  # tall pictures fit better next to each other
        maps = [one - np.nanmedian(one) for one in maps]
        brightest_rad = max(float(np.nanpercentile(maps[-1], 99.8)), DARKEST_RAD_BELOW)
        for picture, yx_rad in zip(self._pictures, maps, strict=True):
            picture.show_map(yx_rad, -DARKEST_RAD_BELOW, brightest_rad)
        scores = preview.scores
        height_um, width_um = (side * MODEL_PIXEL_SIZE_UM for side in preview.yx_now_rad.shape)
        self.text.setText(
            f"Kept-back part, {width_um:.0f} × {height_um:.0f} µm, {-DARKEST_RAD_BELOW:g} to {brightest_rad:.1f} rad. "
            f"Now: slope {scores.slope:.2f}, correlation {scores.correlation:.2f}, RMSE {scores.rmse_rad:.2f} rad."
        )
        self.setVisible(True)


class _Picture(QLabel):
    """A map in grey values, as large as its column and a reasonable height allow."""

    def __init__(self) -> None:
        super().__init__()
        self._whole = QPixmap()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMinimumSize(SMALLEST_PX, SMALLEST_PX)

    def show_map(self, yx_rad: NDArray[np.floating], darkest_rad: float, brightest_rad: float) -> None:
        """Draw a map; unknown places are black."""
        share = np.nan_to_num((yx_rad - darkest_rad) / (brightest_rad - darkest_rad))
        grey = np.ascontiguousarray(np.clip(255 * share, 0, 255).astype(np.uint8))
        height, width = grey.shape
        image = QImage(grey.tobytes(), width, height, width, QImage.Format.Format_Grayscale8)
        self._whole = QPixmap.fromImage(image.copy())
        self._fit()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's naming
        """Draw in the new size."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if not self._whole.isNull():
            fitted = self._whole.scaled(
                max(SMALLEST_PX, self.width()),
                TALLEST_PX,  # a taller one would make the whole window grow
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
            self.setPixmap(fitted)
            self.setFixedHeight(fitted.height())
