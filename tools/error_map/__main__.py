"""Make the file of the error map: simulate fields, train, calibrate. Run from the root of the repository."""

import argparse
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tools.error_map.fields import make_fields, read_fields
from tools.error_map.joining import fit_joined
from tools.error_map.learning import calibrate, train
from tools.error_map.strange import FRAMES, make_strange
from tools.error_map.usual import features_known, usual

from napari_contransgan.config import PredictSettings
from napari_contransgan.inference.error_map import WEIGHTS, ErrorModel
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import load_checkpoint
from napari_contransgan.models.error_network import ErrorNetwork, state_of
from napari_contransgan.threads import stay_on_one_thread


def main() -> None:
    """Read the command line, and do one stage or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fields", type=Path, default=Path("runs/error_map"), help="folder of simulated fields")
    parser.add_argument("--minutes", type=float, default=60, help="time for simulating fields that are missing")
    parser.add_argument("--steps", type=int, default=1600, help="steps of training; 0 only simulates")
    parser.add_argument("--model", default=PredictSettings().model, help="network whose errors are learnt")
    options = parser.parse_args()
    stay_on_one_thread()
    loaded = load_checkpoint(find_model(options.model))
    strange_folder = options.fields / "strange"
    for line in make_fields(options.fields, loaded, options.minutes):
        print(line, flush=True)
    for line in make_strange(strange_folder, loaded, FRAMES, options.minutes):
        print(f"strange images, {line}", flush=True)
    if not options.steps:
        return
    learnt, held = read_fields(options.fields, "learn"), read_fields(options.fields, "calibrate")
    strange = read_fields(strange_folder, "strange")
    print(f"{len(learnt)} fields to learn from, {len(held)} to calibrate on, {len(strange)} strange", flush=True)
    features = features_known(learnt)
    trained = options.fields / "network.safetensors"
    if trained.exists():  # from an earlier run: remove it to train again
        network = ErrorNetwork().eval()
        network.load_state_dict(load_file(trained))
    else:
        network = train(learnt, features, options.steps)
        save_file(state_of(network), trained)
    known, arrays = usual(features, learnt, strange, held)
    found = calibrate(network, held, features, known)
    factors = (found.log_sigma, found.log_factor, found.of_specimen)
    joined = fit_joined(ErrorModel(network, *factors, np.zeros(3, np.float32), known), options.fields, loaded)
    print("calibration", np.round(found.log_sigma, 2), np.round(np.exp(found.log_factor), 2))
    print("of specimens", np.round(np.exp(found.of_specimen), 2), "joined", np.round(joined, 3))
    print(f"usual: {known.limit:.2f} {known.classifier.limit:.2f} {known.far:.2f}")
    tensors = {f"network.{name}": value for name, value in state_of(network).items()}
    arrays |= {
        "calibration.log_sigma": found.log_sigma,
        "calibration.log_factor": found.log_factor,
        "calibration.of_specimen": found.of_specimen,
        "joined": joined.astype(np.float32),
    }
    tensors |= {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in arrays.items()}
    WEIGHTS.parent.mkdir(exist_ok=True)
    save_file(tensors, WEIGHTS)
    print(f"{WEIGHTS}: {WEIGHTS.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
