"""Make the file of the error map: simulate fields, train, calibrate. Run from the root of the repository."""

import argparse
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tools.error_map.fields import make_fields, read_fields
from tools.error_map.joining import fit_joined
from tools.error_map.learning import calibrate, train, usual

from napari_contransgan.config import PredictSettings
from napari_contransgan.inference.error_map import WEIGHTS
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import load_checkpoint
from napari_contransgan.models.error_network import ErrorNetwork, state_of
from napari_contransgan.threads import stay_on_one_thread


def main() -> None:
    """Read the command line, and do one stage or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fields", type=Path, default=Path("runs/error_map"), help="folder of simulated fields")
    parser.add_argument("--minutes", type=float, default=60, help="time for simulating fields that are missing")
    parser.add_argument("--steps", type=int, default=1500, help="steps of training; 0 only simulates")
    parser.add_argument("--model", default=PredictSettings().model, help="network whose errors are learnt")
    options = parser.parse_args()
    stay_on_one_thread()
    loaded = load_checkpoint(find_model(options.model))
    for line in make_fields(options.fields, loaded, options.minutes):
        print(line, flush=True)
    if not options.steps:
        return
    learnt, held = read_fields(options.fields, "learn"), read_fields(options.fields, "calibrate")
    print(f"{len(learnt)} fields to learn from, {len(held)} to calibrate on", flush=True)
    trained = options.fields / "network.safetensors"
    if trained.exists():  # from an earlier run: remove it to train again
        network = ErrorNetwork().eval()
        network.load_state_dict(load_file(trained))
    else:
        network = train(learnt, options.steps)
        save_file(state_of(network), trained)
    log_sigma, log_factor = calibrate(network, held)
    known = usual(learnt, held)
    joined = fit_joined(network, (log_sigma, log_factor), options.fields, loaded)
    print("calibration", np.round(log_sigma, 2), np.round(np.exp(log_factor), 2), "joined", np.round(joined, 3))
    print(f"usual: {known.limit:.2f} {known.far:.2f}")
    tensors = {f"network.{name}": value for name, value in state_of(network).items()}
    arrays = {
        "calibration.log_sigma": log_sigma,
        "calibration.log_factor": log_factor,
        "joined": joined.astype(np.float32),
        "known.pixel_sizes_um": known.pixel_sizes_um,
        "known.features": known.features.astype(np.float16),
        "known.centre": known.centre,
        "known.scale": known.scale,
        "known.limits": np.array([known.limit, known.far], np.float32),
    }
    tensors |= {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in arrays.items()}
    WEIGHTS.parent.mkdir(exist_ok=True)
    save_file(tensors, WEIGHTS)
    print(f"{WEIGHTS}: {WEIGHTS.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
