"""Compare the default solver on 40 noisy simulated 40x fields with other solvers tuned to the true phase."""

import time
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from napari_contransgan.config import SimulationSettings, TieMethod, TieSettings
from napari_contransgan.evaluation.scores import Scores, evaluate, level
from napari_contransgan.io import Image
from napari_contransgan.progress import result_of
from napari_contransgan.resampling import block_mean
from napari_contransgan.simulation.camera import Camera
from napari_contransgan.simulation.fields import image_stack, true_phase
from napari_contransgan.simulation.specimen import draw_specimen
from napari_contransgan.tie import phase_from_stack, retrieve_phase
from napari_contransgan.tie.preparation import Preparation

SEEDS = {"hela": 3100, "psm": 3101}
"""Seed never used while the solver was developed."""

FIELDS_EACH = 20
CAMERA = Camera(photo_electrons=2e4, read_noise_e=3.0, background_counts=1300.0)
SMALLEST_STD_RAD = 0.05
"""Fields with a smaller standard deviation contain nothing to measure."""

STRENGTHS = np.geomspace(0.03, 1000, 19)
WAVEORDER_STRENGTHS = np.geomspace(1e-8, 1.0, 17)


def drawn_fields(
    specimen: str,
    count: int,
    *,
    seeds: Mapping[str, int] = SEEDS,
    camera: Camera = CAMERA,
    least_background: float = 0.0,
) -> Iterator[tuple[Image, NDArray[np.floating]]]:
    """Stacks with their true phase, many of whose cells and beads the frame's border cuts."""
    settings = SimulationSettings(specimen=specimen, seed=seeds[specimen])
    index = found = 0
    while found < count:
        drawn = draw_specimen(settings, index)
        truth = true_phase(drawn, settings, index).data
        if truth.std() >= SMALLEST_STD_RAD and np.mean(truth < 0.01) >= least_background:
            found += 1
            yield image_stack(drawn, settings, index, camera), truth
        index += 1


def main(fields_each: int = FIELDS_EACH) -> None:
    """Print a line for each field and the medians."""
    print("RMSE in rad; 'best' means that the regularisation was chosen with the truth; ratio = default / best of four")
    print("field      std  empty map | default  slope  back. | dct best  fft best  us-tie best  waveorder best | ratio")
    rows: dict[str, list[list[float]]] = {}
    for specimen in SEEDS:
        for number, (stack, truth) in enumerate(drawn_fields(specimen, fields_each)):
            row = _row(stack, truth)
            rows.setdefault(specimen, []).append(row)
            print(
                f"{specimen} {number:2d}  {row[0]:6.3f}  {row[1]:9.3f} |  {row[2]:6.4f}  {row[3]:5.3f}  {row[4]:5.3f} |"
                f"   {row[5]:6.4f}    {row[6]:6.4f}       {row[7]:6.4f}          {row[8]:6.4f} | {row[9]:5.3f}"
            )
    everything = np.array(rows["hela"] + rows["psm"])
    for name, values in (("cells", np.array(rows["hela"])), ("beads", np.array(rows["psm"])), ("all", everything)):
        ratio, slope, background, inside = values[:, 9], values[:, 3], values[:, 4], values[:, 10]
        print(
            f"{name}: median ratio {np.median(ratio):.3f} (largest {ratio.max():.2f}); median slope "
            f"{np.median(slope):.3f} (10th to 90th percentile {np.percentile(slope, 10):.3f} to "
            f"{np.percentile(slope, 90):.3f}, {np.mean(np.abs(slope - 1) <= 0.05):.0%} within 0.95 to 1.05); median "
            f"background std {np.median(background):.4f} ({np.mean(background <= 0.03):.0%} of fields <= 0.03); "
            f"{np.median(inside):.0%} of a field's pixels within two stated standard deviations; median "
            f"{np.median(values[:, 11]):.2f} s a field"
        )


def _row(stack: Image, truth: NDArray[np.floating]) -> list[float]:
    started = time.perf_counter()
    result = result_of(retrieve_phase(stack, TieSettings()))
    seconds = time.perf_counter() - started
    phase = block_mean(result.phase.data, 2)
    scores = _scored(phase, truth)
    background = float(np.std(phase[truth < 0.01])) if np.any(truth < 0.01) else float("nan")
    error = np.abs(level(phase) - level(truth))
    inside = float(np.mean(error <= 2 * block_mean(result.uncertainty.data, 2)))
    peers = [
        *(min(_rmse(_solved(stack, method, r), truth) for r in STRENGTHS) for method in ("dct", "fft", "us-tie")),
        _waveorder_best(stack, truth),
    ]
    empty = float(np.sqrt(np.mean(level(truth) ** 2)))
    ratio = scores.rmse_rad / min(peers)
    return [float(truth.std()), empty, scores.rmse_rad, scores.slope, background, *peers, ratio, inside, seconds]


def _scored(phase: NDArray[np.floating], truth: NDArray[np.floating]) -> Scores:
    return evaluate(phase, truth)


def _rmse(yx_phase_rad: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
    difference = level(block_mean(yx_phase_rad, 2)) - level(truth)
    return float(np.sqrt(np.mean(difference**2)))


def _solved(stack: Image, method: TieMethod, strength: float) -> NDArray[np.floating]:
    return phase_from_stack(
        stack.data,
        (-3.0, 0.0, 3.0),
        wavelength_um=_stated(stack.wavelength_um),
        pixel_size_um=_stated(stack.pixel_size_um),
        focus_index=1,
        method=method,
        regularisation=float(strength),
        preparation=Preparation(dead_pixels=False, drift=False),
    ).yx_phase_rad


def _stated(value: float | None) -> float:
    """Return the value that every simulated image states."""
    assert value is not None  # noqa: S101
    return value


def _waveorder_best(stack: Image, truth: NDArray[np.floating]) -> float:
    """Return the smallest error of waveorder's 2D phase over its regularisation and both directions of z."""
    import xarray as xr
    from waveorder.api import phase as waveorder_phase

    optics = {
        "wavelength_illumination": stack.wavelength_um,
        "yx_pixel_size": stack.pixel_size_um,
        "z_pixel_size": stack.z_step_um,
        "index_of_refraction_media": 1.0,  # z is read from the focus drive of a dry lens
        "numerical_aperture_detection": stack.numerical_aperture,
        "numerical_aperture_illumination": _stated(stack.numerical_aperture) * _stated(stack.coherence),
    }
    best = np.inf
    for planes in (stack.data, stack.data[::-1]):
        data = xr.DataArray(planes[None].astype(np.float32), dims=("c", "z", "y", "x"), coords={"c": ["BF"]})
        settings = waveorder_phase.Settings(transfer_function=optics)
        transfer = waveorder_phase.compute_transfer_function(data, recon_dim=2, settings=settings)
        for strength in WAVEORDER_STRENGTHS:
            settings = waveorder_phase.Settings(
                transfer_function=optics, apply_inverse={"regularization_strength": float(strength)}
            )
            found = waveorder_phase.apply_inverse_transfer_function(data, transfer, recon_dim=2, settings=settings)
            best = min(best, _rmse(np.asarray(found).squeeze(), truth))
    return float(best)


if __name__ == "__main__":
    main()
