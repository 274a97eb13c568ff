"""Checks of a run's folder before a run begins or resumes there."""

from collections.abc import Sequence
from pathlib import Path

from napari_contransgan.config import PairFolders, TrainSettings
from napari_contransgan.errors import InputError
from napari_contransgan.threads import threads_to_train
from napari_contransgan.training.pairing import halves
from napari_contransgan.training.recipe import warm_start_steps

Folders = Path | Sequence[Path | PairFolders] | None

DATA_FOLDERS = ("lr", "phase", "pairs")
MAY_CHANGE_ON_RESUME = {
    *("steps", "minutes", "warm_start_steps", *DATA_FOLDERS),
    *("device", "threads", "simulation_workers", "validate_every", "save_every"),
}


def settings_before(config: Path, settings: TrainSettings, resume: bool) -> TrainSettings | None:
    """Read the settings of the folder's run; return None if there is none.

    Raises
    ------
    InputError
        If there is a run that is not to be resumed, or one that was started with different settings.
    """
    if not config.is_file():
        return None
    if not resume:
        raise InputError("holds a run already; resume it or choose another folder", source=config.parent, hint="resume")
    before = TrainSettings.from_yaml(config)
    old = before.model_dump(exclude=MAY_CHANGE_ON_RESUME)
    changed = [name for name, value in settings.model_dump(exclude=MAY_CHANGE_ON_RESUME).items() if old[name] != value]
    if changed:
        raise InputError(f"{config.parent}: was started with a different {changed[0]}; resume it with its own settings")
    wanted, kept = settings.warm_start_steps, warm_start_steps(before)
    if wanted is not None and warm_start_steps(before.model_copy(update={"warm_start_steps": wanted})) != kept:
        raise InputError(f"{config.parent}: was started with {kept} warm_start_steps; resume it with its own settings")
    return before


def with_choices_resolved(settings: TrainSettings, before: TrainSettings | None) -> TrainSettings:
    """Return the settings with fixed numbers of threads and of supervised steps, which a resumed run keeps.

    The number of threads changes the last bits of results. Longer resumed runs never return to supervised steps, and a
    run that was supervised throughout stays so.
    """
    first = before or settings
    threads = threads_to_train(settings.threads or first.threads)
    kept = warm_start_steps(first)
    warm: int | None = kept
    if kept == first.steps:
        # "None" says the same where there are only pairs, and still fits when the file serves a longer run elsewhere.
        warm = None if settings.lr is None else settings.steps
    elif settings.minutes is not None:
        # By the clock a share of the run is supervised, however many steps it has.
        warm = kept * settings.steps // first.steps
    return settings.model_copy(update={"warm_start_steps": warm, "threads": threads})


def changed_folders(settings: TrainSettings, before: TrainSettings | None) -> str:
    """List the data folders that differ from those the run was started with; empty if none do."""
    parts = []
    for name in DATA_FOLDERS if before else ():
        old, new = getattr(before, name), getattr(settings, name)
        if _resolved(old) != _resolved(new):
            parts.append(f"{name} was {_listed(old)}, now {_listed(new)}")
    return "; ".join(parts)


def _resolved(folders: Folders) -> list[tuple[Path, ...]]:
    return [tuple(folder.resolve() for folder in halves(one)) for one in _as_list(folders)]


def _listed(folders: Folders) -> str:
    return ", ".join(map(str, _as_list(folders))) or "none"


def _as_list(folders: Folders) -> list[Path | PairFolders]:
    return [folders] if isinstance(folders, Path) else list(folders or ())
