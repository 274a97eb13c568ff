"""Simulated microscopes outside what the bundled network was trained on: some to develop with, others to score."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from napari_contransgan.config import SimulationSettings, Variation
from napari_contransgan.config.microscope import CameraModel, Microscope
from napari_contransgan.io import Image
from napari_contransgan.simulation.fields import image_lr, image_stack, true_phase
from napari_contransgan.simulation.specimen import Specimen, draw_specimen

ADAPT_PX, SCORED_PX = 640, 384
"""Sides of the field that is adapted on, and of those that are scored, on the model's grid."""
STACK_DZ_UM = 5.0
USUAL_ABSORPTION_PER_UM = 0.1
FOCUS_UM = (-10.0, -5.0, 0.0, 5.0, 10.0)
SCORED_FIELDS = 5
SCENES = ("sparse", "dense")


@dataclass(frozen=True)
class Strange:
    """What differs from the microscope that the bundled network knows.

    Parameters
    ----------
    coherence : float
        S.
    wavelength_um : float
        Of the light.
    spherical_um : float
        Spherical aberration of the lens.
    absorption : float
        Factor on the cells' absorption.
    focus_um : float
        Added to the focus of frames and stack.
    phase : float
        Factor on the cells' phase.
    camera : mapping
        Changes of the camera.
    """

    coherence: float = 0.6
    wavelength_um: float = 0.55
    spherical_um: float = 0.0
    absorption: float = 1.0
    focus_um: float = 0.0
    phase: float = 1.0
    camera: Mapping[str, Any] = field(default_factory=dict)


NOISY = MappingProxyType({"full_well_e": 8_000.0, "read_noise_e": 8.0, "exposure": 0.25, "bit_depth": 8})

SCORED: Mapping[str, Strange] = MappingProxyType(
    {
        "S 0.2": Strange(coherence=0.2),
        "S 1.0": Strange(coherence=1.0),
        "spherical aberration": Strange(spherical_um=0.06),
        "0.46 um": Strange(wavelength_um=0.46),
        "0.66 um": Strange(wavelength_um=0.66),
        "absorption x3": Strange(absorption=3.0),
        "focus +4 um": Strange(focus_um=4.0),
        "camera noise": Strange(camera=NOISY),
        "phase x1.6": Strange(phase=1.6),
    }
)
"""Those whose figures are reported. They are never used to choose anything."""

DEVELOPMENT: Mapping[str, Strange] = MappingProxyType(
    {
        "S 0.3, phase x1.3": Strange(coherence=0.3, phase=1.3),
        "S 0.9, focus -2 um": Strange(coherence=0.9, focus_um=-2.0),
        "focus +6 um": Strange(focus_um=6.0),
        "0.5 um, absorption x2": Strange(wavelength_um=0.5, absorption=2.0),
    }
)
"""Those with which the defaults were chosen."""

SEEDS = MappingProxyType({"scored": 7100, "development": 7300})


def settings_of(strange: Strange, seed: int, field_px: int, scene: str = "sparse") -> SimulationSettings:
    """Describe the digital microscope: its stack is taken by the objective of the frames, around their focus."""
    usual = Microscope()
    lens = usual.lens("10x")
    lens = lens.model_copy(
        update={"aberrations": lens.aberrations.model_copy(update={"spherical_um": strange.spherical_um})}
    )
    microscope = Microscope(
        objectives={"10x": lens},
        wavelength_um=strange.wavelength_um,
        coherence=strange.coherence,
        stack_objective="10x",
        stack_coherence=strange.coherence,
        stack_dz_um=STACK_DZ_UM,
        camera=CameraModel(**strange.camera),
    )
    focus_um = microscope.nominal_defocus_um("10x") + strange.focus_um
    return SimulationSettings(
        microscope=microscope,
        objective="10x",
        scene=scene,  # type: ignore[arg-type]
        seed=seed,
        field_px=field_px,
        defocus_um=focus_um,
        variation=Variation(stack_focus_um=(focus_um - 0.2, focus_um + 0.2), phase_factor=(strange.phase,) * 2),
    )


def specimen_of(strange: Strange, settings: SimulationSettings, index: int) -> Specimen:
    """Draw a field; all fields of a microscope show cells that absorb alike, since a user has one kind."""
    return replace(draw_specimen(settings, index), absorption_per_um=USUAL_ABSORPTION_PER_UM * strange.absorption)


def stack_of(strange: Strange, seed: int) -> Image:
    """The one focus stack that the network is adapted on; its file states aperture and condenser, as the guide asks."""
    settings = settings_of(strange, seed, ADAPT_PX)
    return replace(image_stack(specimen_of(strange, settings, 0), settings, 0), settings={})


def far_stack_of(strange: Strange, seed: int) -> Image:
    """A 40x stack of another place on a microscope with the same light, for the unpaired way."""
    settings = settings_of(strange, seed + 3, ADAPT_PX)
    usual = Microscope()
    microscope = usual.model_copy(update={"wavelength_um": strange.wavelength_um})
    variation = Variation(phase_factor=(strange.phase,) * 2)
    settings = settings.model_copy(update={"microscope": microscope, "defocus_um": None, "variation": variation})
    return replace(image_stack(specimen_of(strange, settings, 0), settings, 0), settings={})


def deep_stack_of(strange: Strange, seed: int) -> Image:
    """A stack of five planes, 5 um apart."""
    planes = []
    for dz_um in (10.0, 5.0):
        settings = settings_of(strange, seed, ADAPT_PX)
        microscope = settings.microscope.model_copy(update={"stack_dz_um": dz_um})
        settings = settings.model_copy(
            update={"microscope": microscope, "variation": Variation(stack_focus_um=(0.0, 0.0))}
        )
        planes.append(image_stack(specimen_of(strange, settings, 0), settings, 0))
    outer, inner = (plane.data for plane in planes)
    data = np.stack([outer[0], inner[0], inner[1], inner[2], outer[2]])
    return replace(planes[1], data=data, z_step_um=5.0, settings={})


def scored_fields(strange: Strange, seed: int, focus_um: float | None = None) -> list[tuple[Image, Image]]:
    """Frames and true phases of fields that no adaptation sees."""
    pairs = []
    for index in range(SCORED_FIELDS):
        settings = settings_of(strange, seed + 1, SCORED_PX, SCENES[index % len(SCENES)])
        if focus_um is not None:
            variation = settings.variation.model_copy(update={"focus_share": (0.0, 0.0)})
            settings = settings.model_copy(update={"defocus_um": focus_um, "variation": variation})
        specimen = specimen_of(strange, settings, index)
        pairs.append((image_lr(specimen, settings, index), true_phase(specimen, settings, index)))
    return pairs
