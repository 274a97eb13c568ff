"""A real focus stack, dropped on the window: TIE and prediction over it."""

import numpy as np
import pytest

from napari_contransgan.gui.shared.layers import METADATA_KEY

pytestmark = pytest.mark.gui


def test_tie_and_prediction_run_on_a_dropped_real_stack(viewer, open_widget, click, finish, shared_data):
    path = shared_data / "hela_20x" / "hela_20x_focus_stack.ome.tif"
    (stack,) = viewer.open(path, plugin="napari-contransgan")
    assert tuple(stack.scale) == pytest.approx((2.5, 0.2325, 0.2325))

    tie = open_widget("Phase from focus stack (TIE)")
    assert (tie.dz.number, tie.pixel_size.number) == (2.5, 0.2325)
    click(tie.panel.run_button)
    finish(tie)
    phase = viewer.layers[f"{stack.name} phase (TIE)"]
    assert np.isfinite(phase.data).all()
    assert -5 < phase.data.min() < phase.data.max() < 5
    assert tuple(phase.scale) == pytest.approx((0.2325, 0.2325))

    predict = open_widget("Predict phase")
    predict.image.value = stack
    click(predict.panel.run_button)
    finish(predict)
    predicted = viewer.layers[f"{stack.name} phase (predicted)"]
    assert predicted.data.shape == (2, 915, 915)
    assert tuple(predicted.scale) == pytest.approx((2.5, 0.325, 0.325))
    notes = predicted.metadata[METADATA_KEY]["settings"]["predict"]["notes"]
    assert not any("was trained on frames of" in note for note in notes), "frames of 0.2325 um are on its card"
    lit = np.asarray(predicted.data[0]) != 0
    assert 0.4 < lit.mean() < 0.7
