"""Layers as napari's readers of OME-Zarr add them: several resolutions, read from the file when they are needed."""

from dataclasses import replace

import dask.array
import numpy as np
import pytest

from napari_contransgan.config import PredictSettings
from napari_contransgan.gui.shared.layers import METADATA_KEY
from napari_contransgan.inference import streaming
from napari_contransgan.progress import result_of

pytestmark = pytest.mark.gui


def pyramid(data, levels=3):
    """Lazy levels in chunks; the coarser ones are inverted, so that using one would be seen."""
    coarser = [data.max() - data[..., :: 2**level, :: 2**level] for level in range(1, levels)]
    return [dask.array.from_array(one, chunks=(1,) * (one.ndim - 2) + (48, 48)) for one in (data, *coarser)]


def add_as_readers_do(viewer, image, factor=1.0, unit="micrometer"):
    leading = image.data.ndim - 2
    steps = {"Z": image.z_step_um, "Y": image.pixel_size_um, "X": image.pixel_size_um}
    return viewer.add_image(
        pyramid(image.data),
        name=image.name,
        multiscale=True,
        scale=[factor * steps[axis] for axis in image.axes],
        units=(unit,) * image.data.ndim,
        translate=(0.0,) * leading + tuple(factor * one for one in image.origin_yx_um),
        axis_labels=tuple(image.axes.lower()),
    )


@pytest.mark.parametrize("large", [False, True])
def test_the_phase_comes_from_the_finest_level_and_lies_over_it(
    viewer, open_widget, click, finish, frame, bundled, expected, large, monkeypatch, tmp_path
):
    monkeypatch.setattr("napari_contransgan.gui.predict.large.user_cache_path", lambda *_, **__: tmp_path)
    monkeypatch.setattr(streaming, "LARGE_PX", 1000 if large else 10_000_000)
    layer = add_as_readers_do(viewer, frame, factor=1000.0, unit="nanometer")
    widget = open_widget("Predict phase")
    assert widget.pixel_size.number == pytest.approx(0.65)
    click(widget.panel.run_button)
    finish(widget)
    phase = viewer.layers["frame phase (predicted)"]
    assert np.asarray(phase.data).shape == (128, 192)
    assert np.allclose(phase.data, expected(frame).data, atol=2e-3)
    assert phase.metadata[METADATA_KEY]["settings"]["predict"]["pixel_size_um"] == pytest.approx(0.65)
    assert tuple(phase.scale) == (0.325, 0.325)
    assert tuple(phase.translate) == pytest.approx((100.0 - 0.1625, 50.0 - 0.1625))
    assert layer.multiscale


def test_a_coarse_layer_without_a_unit_is_predicted_once_its_pixel_size_is_typed(
    viewer, open_widget, click, finish, frame, bundled, expected
):
    layer = viewer.add_image(pyramid(frame.data), name="frame", multiscale=True)
    widget = open_widget("Predict phase")
    assert widget.pixel_size.number is None
    widget.pixel_size.setText("0.65")
    click(widget.panel.run_button)
    finish(widget)
    unplaced = replace(frame, origin_yx_um=(0.0, 0.0))
    assert np.allclose(viewer.layers["frame phase (predicted)"].data, expected(unplaced).data, atol=2e-3)
    assert tuple(layer.scale) == (0.65, 0.65)


def test_tie_uses_the_finest_level_too(viewer, open_widget, click, finish, bump_stack, yx_bump_rad, messages):
    add_as_readers_do(viewer, bump_stack)
    widget = open_widget("Phase from focus stack (TIE)")
    assert widget.pixel_size.number == pytest.approx(bump_stack.pixel_size_um)
    assert widget.dz.number == pytest.approx(bump_stack.z_step_um)
    widget.regularisation.setText("0")
    click(widget.panel.run_button)
    finish(widget)
    phase = viewer.layers["bump stack phase (TIE)"]
    assert np.corrcoef(phase.data.ravel(), yx_bump_rad.ravel())[0, 1] > 0.999
    assert tuple(phase.scale) == (0.325, 0.325)
    assert tuple(phase.translate) == (12.5, -7.25)
    assert not any(message.startswith("[error]") for message in messages())


def test_the_finest_level_is_what_a_prediction_of_the_whole_stack_reads(frame, network):
    """A stack of frames, the second of which is another one."""
    from napari.layers import Image as ImageLayer

    from napari_contransgan.gui.shared.layers import image_from_layer
    from napari_contransgan.inference import predict

    frames = np.stack([frame.data, frame.data[::-1]])
    layer = ImageLayer(pyramid(frames), multiscale=True, units=("second", "um", "um"), scale=(60, 0.65, 0.65))
    image = image_from_layer(layer)
    assert (image.axes, image.pixel_size_um, image.time_step_s) == ("TYX", 0.65, 60.0)
    settings = PredictSettings(model=str(network))
    whole = result_of(predict(replace(image, data=frames), settings))
    assert np.allclose(result_of(predict(image, settings)).data, whole.data)
