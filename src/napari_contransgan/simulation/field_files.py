"""Make the files of one simulated field; their bytes depend only on the settings and the number of the field."""

import hashlib
import re
import traceback
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_contransgan.config import SimulationSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, write_image
from napari_contransgan.io.atomic import scratch_folder
from napari_contransgan.simulation.fields import image_lr, image_stack, tie_label, true_phase
from napari_contransgan.simulation.specimen import draw_specimen

PARTS = ("lr", "stack", "tie", "phase")
PARTS_WITHOUT_STACKS = ("lr", "phase")

_UUID = re.compile(rb'UUID="urn:uuid:([0-9a-f-]{36})"')


class FieldError(Exception):
    """A field could not be made because of a bug in the program; the message names the field."""


@dataclass(frozen=True)
class FieldTask:
    """Task of making one field.

    Parameters
    ----------
    settings : SimulationSettings
        The digital microscope.
    index : int
        Number of the field.
    parts : tuple of str
        Requested parts, out of `PARTS`.
    scratch : Path or None
        Folder for temporary files; None uses the system's.
    """

    settings: SimulationSettings
    index: int
    parts: tuple[str, ...]
    scratch: Path | None = None

    def __str__(self) -> str:
        return f"field {self.index}"


def make_files(task: FieldTask) -> dict[str, bytes]:
    """Make the OME-TIFFs of one field.

    The bytes are always the same, on one thread and with the same versions of the libraries; the UUID of a file is
    derived from its content.

    Returns
    -------
    dict
        Content of each file, by part.

    Raises
    ------
    InputError
        If the settings cannot be used; the message names the field.
    FieldError
        For any other error; the message names the field, and the traceback is added as a note.
    """
    try:
        return {part: _encoded(image, task.scratch) for part, image in _images(task)}
    except InputError as error:
        raise error.named(task) from error
    except Exception as error:
        named = FieldError(f"{task}: {type(error).__name__}: {error}")
        named.add_note(traceback.format_exc())  # a traceback is not passed between processes
        raise named from error


def _images(task: FieldTask) -> Iterator[tuple[str, Image]]:
    index, parts = task.index, task.parts
    # The records in the files must not change if the data set grows.
    settings = task.settings.model_copy(update={"count": index + 1})
    specimen = draw_specimen(settings, index)
    if "stack" in parts or "tie" in parts:
        stack = image_stack(specimen, settings, index)
        if "stack" in parts:
            yield "stack", stack
        if "tie" in parts:
            yield "tie", tie_label(stack, settings)
    if "phase" in parts:
        yield "phase", true_phase(specimen, settings, index)
    if "lr" in parts:
        yield "lr", image_lr(specimen, settings, index)


def _encoded(image: Image, scratch: Path | None) -> bytes:
    with scratch_folder(scratch) as folder:
        path = folder / "image.ome.tif"
        write_image(path, image)
        return _with_uuid_of_content(path.read_bytes())


def _with_uuid_of_content(content: bytes) -> bytes:
    """Replace the random UUID of OME-XML by one derived from the content."""
    found = _UUID.search(content)
    if found is None:
        return content
    before, after = content[: found.start(1)], content[found.end(1) :]
    digest = hashlib.sha256(before + after).digest()
    return before + str(uuid.UUID(bytes=digest[:16], version=5)).encode() + after
