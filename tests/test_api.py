"""The functions of the package, as a notebook calls them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import napari_contransgan as ncg
from napari_contransgan import api
from napari_contransgan.config import TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image

PIXEL_UM, DZ_UM, WAVELENGTH_UM = 0.325, 1.0, 0.55


@pytest.fixture(scope="module")
def yx_bump_rad() -> np.ndarray:
    y, x = np.mgrid[:96, :96] - 47.5
    return (0.8 * np.exp(-(y**2 + x**2) / (2 * 10.0**2))).astype(np.float32)


@pytest.fixture(scope="module")
def zyx_stack(yx_bump_rad: np.ndarray) -> np.ndarray:
    """The bump's planes in the limit of small defocus."""
    f = np.fft.fftfreq(96, PIXEL_UM)
    spectrum = np.fft.fft2(yx_bump_rad.astype(float))
    laplacian = np.fft.ifft2(-4 * np.pi**2 * (f[:, None] ** 2 + f**2) * spectrum).real
    change = -WAVELENGTH_UM / (2 * np.pi) * laplacian * DZ_UM
    return 20_000 * np.stack([1 - change, 1 + 1e-3 * change, 1 + change])


def test_an_array_becomes_phase(zyx_stack: np.ndarray, yx_bump_rad: np.ndarray) -> None:
    told: list[object] = []
    result = ncg.retrieve_phase(zyx_stack, pixel_size_um=PIXEL_UM, dz_um=DZ_UM, progress=told.append)
    assert result.phase.data.max() == pytest.approx(0.8, abs=0.1)
    assert (result.phase.axes, result.phase.quantity, result.phase.pixel_size_um) == ("YX", "phase", PIXEL_UM)
    assert len(told) == 2
    scores = ncg.evaluate(result.phase, yx_bump_rad).scores
    assert scores.correlation > 0.98
    assert scores.slope == pytest.approx(1, abs=0.1)


def test_a_file_becomes_what_its_array_becomes(zyx_stack: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "stack.ome.tif"
    ncg.write_image(path, Image(zyx_stack.astype(np.float32), "ZYX", PIXEL_UM, DZ_UM))
    by_file = ncg.retrieve_phase(path).phase
    by_image = ncg.retrieve_phase(ncg.read_image(path)).phase
    by_array = ncg.retrieve_phase(zyx_stack.astype(np.float32), pixel_size_um=PIXEL_UM, dz_um=DZ_UM).phase
    np.testing.assert_array_equal(by_file.data, by_array.data)
    np.testing.assert_array_equal(by_image.data, by_array.data)


def test_a_frame_becomes_a_predicted_phase() -> None:
    frame = np.random.default_rng(0).normal(1000, 5, (64, 64)).astype(np.float32)
    told: list[object] = []
    prediction = ncg.predict(frame, pixel_size_um=0.65, device="cpu", progress=told.append)
    assert prediction.phase.data.shape == (128, 128)
    assert prediction.uncertainty is None
    assert told


def test_simulated_pairs_train_a_network_that_predicts(tmp_path: Path) -> None:
    folder = ncg.simulate(tmp_path / "hela", specimen="hela", objective="10x", count=2, field_px=96, seed=3)
    options = {"preset": "tiny", "steps": 1, "batch_size": 1, "crop_px": 64, "device": "cpu"}
    events: list[object] = []
    checkpoint = ncg.train(tmp_path / "run", pairs=folder, progress=events.append, **options)
    assert checkpoint.is_file()
    assert events
    phase = ncg.predict(folder / "lr" / "0000.ome.tif", model=str(checkpoint), device="cpu").phase
    assert phase.quantity == "phase"
    timed = ncg.train(tmp_path / "timed", pairs=folder, minutes=0.01, workers=0, **options)
    settings = TrainSettings.from_yaml(timed.parent / "config.yaml")
    assert (settings.minutes, settings.simulation_workers) == (0.01, 0)


def test_what_cannot_be_used_is_refused_in_words() -> None:
    with pytest.raises(InputError, match="stack: an array has 1 axes"):
        ncg.retrieve_phase(np.zeros(4))
    with pytest.raises(InputError, match="retrieve_phase: distance"):
        ncg.retrieve_phase(np.zeros((3, 32, 32)), distance=3)
    with pytest.raises(InputError, match="no such file"):
        ncg.predict("absent.tif")


def test_the_package_offers_what_the_module_has() -> None:
    assert set(ncg.__all__) == set(api.__all__) <= set(dir(ncg))
    assert ncg.__version__
    with pytest.raises(AttributeError, match="no attribute 'magic'"):
        _ = ncg.magic


def test_importing_the_package_loads_neither_torch_nor_napari_nor_numpy() -> None:
    code = (
        "import sys, napari_contransgan; "
        "print(sorted({'torch', 'napari', 'qtpy', 'numpy', 'scipy', 'tifffile', 'dask'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"
