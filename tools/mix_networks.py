"""Write a weighted mean of networks whose weights have a common origin, as some of the bundled ones are.

python tools/mix_networks.py all=0.5 runs/told=0.5 --out runs/mixed

A network is a bundled name, the folder of a run (its best network), a checkpoint, or a run's last.safetensors (the
averaged weights of its last save), with its share; the shares must add up to 1. The card is that of the last network.
If that one can be told the optics and others cannot, its small network stays as it is. Networks trained apart from each
other have no useful mean.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file

from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import LoadedModel, load_checkpoint, save_checkpoint
from napari_contransgan.models.optics_aware import CHANGES, NETWORK, Weights
from napari_contransgan.training.run_folder import BEST, LAST
from napari_contransgan.training.state import NETWORKS

AVERAGED = f"{NETWORKS}ema."


def main() -> None:
    """Mix the weights, and save them like the best checkpoint of a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+", metavar="NETWORK=SHARE")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()

    shares = {name: float(share) for name, share in (text.rsplit("=", 1) for text in options.networks)}
    if not math.isclose(sum(shares.values()), 1.0, abs_tol=1e-6):
        parser.error(f"the shares add up to {sum(shares.values()):g}: they must add up to 1")
    loaded = {name: _load(name) for name in shares}
    last = list(loaded.values())[-1]
    try:
        mean = mix([(share, loaded[name].model.state_dict()) for name, share in shares.items()])
    except ValueError as error:
        parser.error(str(error))
    last.model.load_state_dict(mean)

    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / BEST
    save_checkpoint(path, last.model, last.card)
    print(f"wrote {path}")


def mix(networks: Sequence[tuple[float, Weights]]) -> dict[str, torch.Tensor]:
    """Return the mean of weights, each with its share, under the names of the last.

    Raises
    ------
    ValueError
        If the networks differ in their layers.
    """
    plain = [(share, {name.removeprefix(NETWORK): value for name, value in one.items()}) for share, one in networks]
    last = plain[-1][1]
    if any(_layers(one) != _layers(last) or one.keys() - last.keys() for _, one in plain):
        raise ValueError("the networks differ in their layers; one that can be told the optics must be the last")
    return {name: _mean(plain, name.removeprefix(NETWORK)) for name in networks[-1][1]}


def _layers(weights: Weights) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in weights.items() if not name.startswith(CHANGES)}


def _load(name: str) -> LoadedModel:
    path = Path(name)
    if path.name != LAST:
        return load_checkpoint(find_model(name))
    best = load_checkpoint(find_model(str(path.parent)))
    stored = load_file(path)
    best.model.load_state_dict(
        {key.removeprefix(AVERAGED): value for key, value in stored.items() if key.startswith(AVERAGED)}
    )
    return best


def _mean(weights: list[tuple[float, dict[str, torch.Tensor]]], name: str) -> torch.Tensor:
    last = weights[-1][1][name]
    if name.startswith(CHANGES) or not last.is_floating_point():
        return last
    return torch.stack([share * one[name].float() for share, one in weights]).sum(0).to(last.dtype)


if __name__ == "__main__":
    main()
