"""Folders of images and of their phase maps."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Tag

from napari_contransgan.errors import InputError


class PairFolders(BaseModel):
    """Two folders whose files are matched by name.

    Parameters
    ----------
    lr : Path
        Folder of low-resolution images.
    phase : Path
        Folder of their phase maps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    lr: Path
    phase: Path

    def __str__(self) -> str:
        return f"{self.lr} with {self.phase}"


def pair_folders(folders: Sequence[Path], phase_folders: Sequence[Path]) -> tuple[Path | PairFolders, ...]:
    """Pair folders of images with the folders of their phase maps, in order.

    Parameters
    ----------
    folders, phase_folders : sequence of Path
        If there are no `phase_folders`, each of `folders` contains the folders ``lr`` and ``phase``.

    Raises
    ------
    InputError
        If the numbers of folders differ.
    """
    if not phase_folders:
        return tuple(folders)
    if len(folders) != len(phase_folders):
        raise InputError(
            f"pairs: {len(folders)} folder(s) of images and {len(phase_folders)} of phase maps: give one folder of "
            f"phase maps for each folder of images"
        )
    return tuple(PairFolders(lr=lr, phase=phase) for lr, phase in zip(folders, phase_folders, strict=True))


def shortened(pairs: Path | PairFolders) -> Path | PairFolders:
    """Return the parent folder if the two are its ``lr`` and ``phase``."""
    if isinstance(pairs, PairFolders) and (pairs.lr, pairs.phase) == (
        pairs.lr.parent / "lr",
        pairs.lr.parent / "phase",
    ):
        return pairs.lr.parent
    return pairs


def _kind_of_pairs(value: Any) -> str:
    return "two folders" if isinstance(value, Mapping | PairFolders) else "folder"


PairSource = Annotated[
    Annotated[Path, Tag("folder")] | Annotated[PairFolders, Tag("two folders")], Discriminator(_kind_of_pairs)
]
