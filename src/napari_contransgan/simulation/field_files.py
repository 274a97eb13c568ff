"""The files of one simulated field, as bytes that depend on the settings and the field's number alone."""

import hashlib
import re
import tempfile
import traceback
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_contransgan.config import SimulationSettings
from napari_contransgan.errors import InputError
from napari_contransgan.io import Image, write_image
from napari_contransgan.simulation.fields import image_lr, image_stack, tie_label, true_phase
from napari_contransgan.simulation.specimen import draw_specimen

PARTS = ("lr", "stack", "tie", "phase")
PARTS_WITHOUT_STACKS = ("lr", "phase")

_UUID = re.compile(rb'UUID="urn:uuid:([0-9a-f-]{36})"')


class FieldError(Exception):
    """A field could not be made, by a fault of the program; the message names the field."""


@dataclass(frozen=True)
class FieldTask:
    """What is to be made of one field.

    Parameters
    ----------
    settings : SimulationSettings
        The digital microscope.
    index : int
        Number of the field.
    parts : tuple of str
        Those of `PARTS` that are wanted.
    scratch : Path or None
        Folder for passing files; None takes the system's.
    """

    settings: SimulationSettings
    index: int
    parts: tuple[str, ...]
    scratch: Path | None = None

    def __str__(self) -> str:
        return f"field {self.index}"


def make_files(task: FieldTask) -> dict[str, bytes]:
    """Make the OME-TIFFs of one field.

    The same bytes come out each time, on one thread and with the same versions of the libraries: the file's UUID is
    made of its content.

    Returns
    -------
    dict
        Content of the file by part.

    Raises
    ------
    InputError
        If the settings cannot serve, naming the field.
    FieldError
        For any other error, naming the field, with the traceback as a note.
    """
    try:
        return {part: _encoded(image, task.scratch) for part, image in _images(task)}
    except InputError as error:
        raise error.named(task) from error
    except Exception as error:
        named = FieldError(f"{task}: {type(error).__name__}: {error}")
        named.add_note(traceback.format_exc())  # a traceback does not travel between processes
        raise named from error


def _images(task: FieldTask) -> Iterator[tuple[str, Image]]:
    index, parts = task.index, task.parts
    settings = task.settings.model_copy(update={"count": index + 1})  # the files' records must not change as sets grow
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
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        path = Path(folder) / "image.ome.tif"
        write_image(path, image)
        return _with_uuid_of_content(path.read_bytes())


def _with_uuid_of_content(content: bytes) -> bytes:
    """Put a UUID of the content in place of the random one that OME-XML gets."""
    found = _UUID.search(content)
    if found is None:
        return content
    before, after = content[: found.start(1)], content[found.end(1) :]
    digest = hashlib.sha256(before + after).digest()
    return before + str(uuid.UUID(bytes=digest[:16], version=5)).encode() + after
