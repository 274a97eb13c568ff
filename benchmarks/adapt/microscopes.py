"""Simulated microscopes outside the training range of the bundled network: some for development, others for scoring."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from napari_contransgan.config import SimulationSettings, Variation
from napari_contransgan.config.microscope import CameraModel, Microscope
from napari_contransgan.io import Image
from napari_contransgan.optics import MODEL_PIXEL_SIZE_UM
from napari_contransgan.simulation.fields import image_lr, image_stack, true_phase
from napari_contransgan.simulation.specimen import Specimen, draw_specimen

DISH_PX, ADAPT_PX, SCORED_PX = 1472, 704, 384
"""Sides of the simulated dish, of the field in it that is adapted on, and of those that are scored, on the model's
grid. All show the same kind of cells, as in a user's dish."""
PLACES_YX_PX = ((0, 768), (384, 1088), (768, 0), (768, 384), (1088, 768))
"""First pixels of the scored fields in the frame of the dish; the stack shows its first corner."""
STACK_DZ_UM = 5.0
USUAL_ABSORPTION_PER_UM = 0.1
MOST_DISHES = 40
LEAST_STD_RAD = 0.1
"""Standard deviation of the true phase below which a field shows no more than a cell's edge."""
FOCUS_UM = (-10.0, -5.0, 0.0, 5.0, 10.0)


@dataclass(frozen=True)
class Strange:
    """Differences from the microscopes that the bundled network was trained on.

    Parameters
    ----------
    coherence : float
        Condenser aperture S.
    wavelength_um : float
        Wavelength of the light.
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
"""Microscopes whose scores are reported. They are never used to choose anything."""

DEVELOPMENT: Mapping[str, Strange] = MappingProxyType(
    {
        "S 0.3, phase x1.3": Strange(coherence=0.3, phase=1.3),
        "S 0.9, focus -2 um": Strange(coherence=0.9, focus_um=-2.0),
        "focus +6 um": Strange(focus_um=6.0),
        "0.5 um, absorption x2": Strange(wavelength_um=0.5, absorption=2.0),
    }
)
"""Microscopes with which the defaults were chosen."""

SEEDS = MappingProxyType({"scored": 7100, "development": 7300})


def settings_of(strange: Strange, seed: int) -> SimulationSettings:
    """Describe the digital microscope: its stack is taken by the objective of the frames, around their focus."""
    usual = Microscope()
    lens = usual.lens("10x")
    aberrations = lens.aberrations.model_copy(update={"spherical_um": strange.spherical_um})
    microscope = Microscope(
        objectives={"10x": lens.model_copy(update={"aberrations": aberrations}), "40x": usual.lens("40x")},
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
        scene="sparse",
        seed=seed,
        field_px=DISH_PX,
        defocus_um=focus_um,
        variation=Variation(stack_focus_um=(focus_um - 0.2, focus_um + 0.2), phase_factor=(strange.phase,) * 2),
    )


@dataclass(frozen=True)
class Dish:
    """One simulated dish under such a microscope.

    Parameters
    ----------
    settings : SimulationSettings
        The microscope.
    specimen : Specimen
        Cells of the dish.
    """

    settings: SimulationSettings
    specimen: Specimen

    def stack(self) -> Image:
        """Return the focus stack to adapt on; its file states NA and S, as the guide recommends."""
        return _adapted_part(image_stack(self.specimen, self.settings, 0))

    def deep_stack(self) -> Image:
        """Return a stack of five planes, 5 um apart, around focus."""
        planes = []
        for dz_um in (10.0, 5.0):
            microscope = self.settings.microscope.model_copy(update={"stack_dz_um": dz_um})
            variation = self.settings.variation.model_copy(update={"stack_focus_um": (0.0, 0.0)})
            settings = self.settings.model_copy(update={"microscope": microscope, "variation": variation})
            planes.append(image_stack(self.specimen, settings, 0))
        outer, inner = (plane.data for plane in planes)
        data = np.stack([outer[0], inner[0], inner[1], inner[2], outer[2]])
        return _adapted_part(replace(planes[1], data=data))

    def high_power_stack(self) -> Image:
        """Return a 40x stack of the field to adapt on, for unpaired adapting."""
        own, usual = self.settings.microscope, Microscope()
        # The specimen was drawn finely enough for the condenser of its own microscope, not for a wider one.
        narrower = min(own.coherence, usual.stack_coherence)
        microscope = usual.model_copy(update={"wavelength_um": own.wavelength_um, "stack_coherence": narrower})
        variation = self.settings.variation.model_copy(update={"stack_focus_um": (-0.2, 0.2)})
        settings = self.settings.model_copy(update={"microscope": microscope, "variation": variation})
        return _adapted_part(image_stack(self.specimen, settings, 0))

    def frame_and_truth(self, focus_um: float | None = None) -> tuple[Image, Image]:
        """Return a frame of the whole dish, at the usual focus or at another, and its true phase."""
        settings = self.settings
        if focus_um is not None:
            variation = settings.variation.model_copy(update={"focus_share": (0.0, 0.0)})
            settings = settings.model_copy(update={"defocus_um": focus_um, "variation": variation})
        return image_lr(self.specimen, settings, 0), true_phase(self.specimen, settings, 0)

    def other_frames(self) -> list[Image]:
        """Return frames of fields of view that the stack does not show."""
        frame, _ = self.frame_and_truth()
        return [_part(frame, place, SCORED_PX) for place in PLACES_YX_PX[:3]]


def dish_of(strange: Strange, seed: int) -> Dish:
    """Draw the cells of a dish, with the absorption of this microscope's specimen.

    Dishes without cells in the field to adapt on, or in one that is scored, are passed over.
    """
    settings = settings_of(strange, seed)
    for index in range(MOST_DISHES):
        specimen = draw_specimen(settings, index)
        truth = true_phase(specimen, settings, index)
        shown = [_part(truth, (0, 0), ADAPT_PX), *(_part(truth, place, SCORED_PX) for place in PLACES_YX_PX)]
        if all(part.data.std() > LEAST_STD_RAD for part in shown):
            absorption_per_um = USUAL_ABSORPTION_PER_UM * strange.absorption
            return Dish(settings, replace(specimen, absorption_per_um=absorption_per_um))
    raise ValueError(f"none of {MOST_DISHES} dishes of seed {seed} has cells in every field")


def _adapted_part(stack: Image) -> Image:
    return replace(_part(stack, (0, 0), ADAPT_PX), settings={})


def _part(image: Image, first_yx_px: tuple[int, int], side_px: int) -> Image:
    """Cut a square out of an image, given on the model's grid."""
    scale = MODEL_PIXEL_SIZE_UM / (image.pixel_size_um or MODEL_PIXEL_SIZE_UM)
    spans = [slice(round(first * scale), round((first + side_px) * scale)) for first in first_yx_px]
    return replace(image, data=image.data[..., spans[0], spans[1]])
