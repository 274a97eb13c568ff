"""Test the solvers against exact references and on real cells; this needs the reference data next to the project."""

from pathlib import Path
from typing import get_args

import numpy as np

from napari_contransgan.config import TieMethod, TieSettings
from napari_contransgan.io import read_image
from napari_contransgan.progress import result_of
from napari_contransgan.tie import phase_from_stack, retrieve_phase

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


METHODS: tuple[TieMethod, ...] = get_args(TieMethod)


def main() -> None:
    """Print the errors of every solver on the Mie sphere, and the results on the HeLa pair."""
    if not DATA.is_dir():
        print("skipped: the reference data are missing")
        return
    _mie_sphere()
    _hela_pair()


def _mie_sphere() -> None:
    wavelength_um, pixel_um = 0.5, 0.160642570
    field = np.load(DATA / "mie_sphere" / "mie_sphere_field.npz", allow_pickle=False)["field"]
    f_y, f_x = (np.fft.fftfreq(count, pixel_um) for count in field.shape)
    k_z = 2 * np.pi * np.sqrt(np.maximum(1 / wavelength_um**2 - f_y[:, None] ** 2 - f_x**2, 0))
    heights_um = (-1.0, 0.0, 1.0)
    fields = [np.fft.ifft2(np.fft.fft2(field) * np.exp(1j * k_z * (z - 20 * wavelength_um))) for z in heights_um]
    truth = np.angle(fields[1])
    truth -= np.median(np.concatenate([truth[0], truth[-1], truth[:, 0], truth[:, -1]]))
    planes = np.abs(np.stack(fields)) ** 2
    print("Mie sphere (peak 1.0556 rad)    RMS (rad)  peak (rad)  direction")
    for method in METHODS:
        solution = phase_from_stack(
            planes, heights_um, wavelength_um=wavelength_um, pixel_size_um=pixel_um, focus_index=1, method=method
        )
        error = float(np.sqrt(np.mean((solution.yx_phase_rad - truth) ** 2)))
        peak = float(solution.yx_phase_rad.max())
        print(f"  {method:28s}  {error:9.4f}  {peak:10.4f}  {solution.figures['direction']}")


def _hela_pair() -> None:
    image = read_image(DATA / "hela_20x" / "hela_20x_focus_stack.ome.tif")
    reference = read_image(DATA / "hela_20x" / "hela_20x_us_tie_reference_rad.tif").data
    lit = image.data[0] >= 0.1 * image.data[0].max()
    as_it_is = {
        "drift": False,
        "dead_pixels": False,
        "saturation": False,
        "equal_sums": False,
        "light_correction": False,
    }
    authors_r = float(np.sqrt(5e-9) * (max(lit.shape) / np.pi) ** 2)
    print("HeLa pair, inside the aperture   lowest  highest  correlation with US-TIE  direction")
    for method, settings in (
        ("anchored (default)", TieSettings()),
        ("teague", TieSettings(method="teague")),
        ("us-tie, as its authors set it", TieSettings(method="us-tie", regularisation=authors_r, **as_it_is)),
    ):
        phase = result_of(retrieve_phase(image, settings)).phase
        inside = phase.data[lit]
        correlation = float(np.corrcoef(inside, reference[lit])[0, 1])
        direction = phase.settings["tie_report"]["direction"]
        print(f"  {method:30s} {inside.min():7.2f}  {inside.max():7.2f}  {correlation:23.3f}  {direction}")
        if method.startswith("us-tie"):
            difference = float(np.std(inside - reference[lit]))
            print(f"  us-tie minus its authors' program: {difference:.1e} rad RMS")


if __name__ == "__main__":
    main()
