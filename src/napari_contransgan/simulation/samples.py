"""Simulate the two sample images of the plugin and the demo, which are computed and never downloaded."""

from dataclasses import replace

from napari_contransgan.config import SimulationSettings
from napari_contransgan.io import Image
from napari_contransgan.simulation.fields import image_lr, image_stack, true_phase
from napari_contransgan.simulation.specimen import draw_specimen

STACK_SAMPLE = SimulationSettings(specimen="hela", seed=2026, field_px=400, inside_frame=True)
STACK_SAMPLE_INDEX = 8
FRAME_SAMPLE = SimulationSettings(specimen="hela", objective="10x", seed=2027, field_px=960)
FRAME_SAMPLE_INDEX = 9


def sample_stack() -> Image:
    """Simulate a 40x through-focus stack of cells inside the frame: ZYX, 3 planes 3 um apart."""
    return sample_stack_and_truth()[0]


def sample_stack_and_truth() -> tuple[Image, Image]:
    """Simulate the sample stack, and its true phase on the model's grid."""
    specimen = draw_specimen(STACK_SAMPLE, STACK_SAMPLE_INDEX)
    stack = image_stack(specimen, STACK_SAMPLE, STACK_SAMPLE_INDEX)
    return replace(stack, name="sample 40x focus stack"), true_phase(specimen, STACK_SAMPLE, STACK_SAMPLE_INDEX)


def sample_frame() -> Image:
    """Simulate a 10x bright-field frame, 480 x 480 px or 312 um wide, YX."""
    return sample_frame_and_truth()[0]


def sample_frame_and_truth() -> tuple[Image, Image]:
    """Simulate the sample frame, and its true phase on the model's grid."""
    specimen = draw_specimen(FRAME_SAMPLE, FRAME_SAMPLE_INDEX)
    frame = image_lr(specimen, FRAME_SAMPLE, FRAME_SAMPLE_INDEX)
    return replace(frame, name="sample 10x frame"), true_phase(specimen, FRAME_SAMPLE, FRAME_SAMPLE_INDEX)
