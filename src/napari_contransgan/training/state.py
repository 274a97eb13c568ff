"""Saving and restoring a run: tensors as safetensors, the rest as JSON in its header. No pickle."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from napari_contransgan.errors import InputError
from napari_contransgan.files import write_atomically
from napari_contransgan.models.checkpoint import all_finite
from napari_contransgan.training.image_pool import ImagePool
from napari_contransgan.training.steps import RunState

STATE_KEY = "napari-contransgan-run"


def save_state(path: Path, state: RunState) -> None:
    """Write everything that a run needs to go on, atomically.

    The random state needs no saving: every draw depends on the seed and the step alone.
    """
    tensors = {f"networks/{name}": value for name, value in state.networks.state_dict().items()}
    for name, optimiser in state.optimisers.items():
        for index, values in optimiser.state_dict()["state"].items():
            for key, value in values.items():
                tensors[f"optimisers/{name}/{index}/{key}"] = torch.as_tensor(value)
    for name, pool in state.pools.items():
        if pool.images is not None:
            tensors[f"pools/{name}"] = pool.images
    header = json.dumps({"step": state.step, "best_psnr_db": state.best_psnr_db})
    content = save({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, {STATE_KEY: header})
    write_atomically(path, content)


def load_state(path: Path, state: RunState, device: torch.device) -> None:
    """Fill a fresh state from a save, in place.

    Raises
    ------
    InputError
        If the file is no save of a run, or of a run with other networks, or of one that diverged.
    """
    try:
        # On the CPU, where Adam's step counts must stay; whatever belongs on the device is copied there below.
        with safe_open(path, framework="pt", device="cpu") as file:
            header = (file.metadata() or {}).get(STATE_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: cannot be read as a saved run; start again without resuming") from error
    if header is None:
        raise InputError(f"{path}: is not a saved run; start again without resuming")
    if not all_finite(tensors.values()):
        raise InputError(f"{path}: holds NaN or infinite weights, its training diverged; start again without resuming")
    known = json.loads(header)
    try:
        state.networks.load_state_dict(_below("networks/", tensors))
    except RuntimeError as error:
        raise InputError(f"{path}: was saved by a run with other networks; resume with its own settings") from error
    for name, optimiser in state.optimisers.items():
        per_parameter: dict[int, dict[str, Any]] = {}
        for key, value in _below(f"optimisers/{name}/", tensors).items():
            index, _, field = key.partition("/")
            per_parameter.setdefault(int(index), {})[field] = value
        optimiser.load_state_dict({**optimiser.state_dict(), "state": per_parameter})
    for name, pool in state.pools.items():
        images = tensors.get(f"pools/{name}")
        state.pools[name] = ImagePool(pool.size, None if images is None else images.to(device))
    state.step = int(known["step"])
    state.best_psnr_db = float(known["best_psnr_db"])


def _below(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
