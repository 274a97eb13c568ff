"""A microscope of a user, and the cells and fields of its form."""

from napari_contransgan.config.microscope import CameraModel, Microscope
from napari_contransgan.optics import Aberrations, Objective

NAME, MAGNIFICATION, NA, PIXEL = range(4)

OWN = Microscope(
    name="the one in the cellar",
    objectives={
        "5x": Objective(magnification=5, numerical_aperture=0.15),
        "Plan 32": Objective(
            magnification=32,
            numerical_aperture=0.4,
            aberrations=Aberrations(coma_x_um=0.03, spherical_um=-0.02),
        ),
    },
    wavelength_um=0.6328,
    bandwidth_um=0.0,
    coherence=1 / 3,
    stack_objective="Plan 32",
    stack_coherence=0.123456789012345,
    stack_dz_um=4.5,
    camera=CameraModel(pixel_um=3.45, frame_px=1024, bit_depth=10, full_well_e=10_400, exposure=0.5, read_noise_e=2.25),
    vignetting=0.1,
)


def field(rows, name):
    return rows[name]


def error(rows, name):
    label = rows.rows[name].error
    return label.text() if not label.isHidden() else ""


def set_cell(form, row, column, text):
    form.microscope.objectives.table.item(row, column).setText(text)
