"""The two sample images that the window and the demo offer; computed on the spot, never downloaded."""

from dataclasses import replace

from napari_contransgan.config import SimulationSettings
from napari_contransgan.io import Image
from napari_contransgan.simulation.fields import draw_specimen, image_lr, image_stack, true_phase

STACK_SAMPLE = SimulationSettings(specimen="hela", seed=2026, field_px=320, inside_frame=True)
STACK_SAMPLE_INDEX = 4
FRAME_SAMPLE = SimulationSettings(specimen="hela", objective="10x", seed=2027, field_px=960)
FRAME_SAMPLE_INDEX = 1


def sample_stack() -> Image:
    """A 40x through-focus stack of cells that lie inside the frame: ZYX, 3 planes 3 um apart."""
    stack = image_stack(draw_specimen(STACK_SAMPLE, STACK_SAMPLE_INDEX), STACK_SAMPLE, STACK_SAMPLE_INDEX)
    return replace(stack, name="sample 40x focus stack")


def sample_stack_truth() -> Image:
    """The true phase of `sample_stack` on the model's grid."""
    return true_phase(draw_specimen(STACK_SAMPLE, STACK_SAMPLE_INDEX), STACK_SAMPLE, STACK_SAMPLE_INDEX)


def sample_frame() -> Image:
    """A 10x bright-field frame, 480 x 480 px or 312 um wide, YX."""
    frame = image_lr(draw_specimen(FRAME_SAMPLE, FRAME_SAMPLE_INDEX), FRAME_SAMPLE, FRAME_SAMPLE_INDEX)
    return replace(frame, name="sample 10x frame")


def sample_frame_truth() -> Image:
    """The true phase of `sample_frame` on the model's grid."""
    return true_phase(draw_specimen(FRAME_SAMPLE, FRAME_SAMPLE_INDEX), FRAME_SAMPLE, FRAME_SAMPLE_INDEX)
