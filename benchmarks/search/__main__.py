"""Train variants on the same fields for equal processor time, and compare them on other fields.

    python -m benchmarks.search [--seconds 300] [--only NAME ...] [--out runs/search]

Variants that are already trained are read from their files, so that the run can be interrupted. It uses one thread and
measures processor time, so that the load of the machine does not favour any variant.
"""

import argparse
import copy
import json
import math
import re
import time
from pathlib import Path

import numpy as np
import torch
from benchmarks.search.fields import CHOSEN_BY, TRAINED, Maps, load_or_make, settings_of
from benchmarks.search.variants import PHASE_REF_RAD, VARIANTS, Variant
from benchmarks.training.timing import print_head, print_row
from torch import nn

from napari_contransgan.config.names import SpecimenName
from napari_contransgan.held_out import score_simulated
from napari_contransgan.simulation.scenes import scene_of_field
from napari_contransgan.training.steps import move_average

BATCH, CROP_PX = 4, 96
RAMP = 0.05
EMA_DECAY = 0.99

Figures = dict[str, dict[str, float]]


def main() -> None:
    """Train missing variants, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0, help="processor time of each training")
    parser.add_argument("--only", nargs="*", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--seeds", type=int, default=1, help="number of trainings of each variant")
    parser.add_argument("--out", type=Path, default=Path("runs/search"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    trained, chosen_by = (load_or_make(chosen.out, wanted) for wanted in (TRAINED, CHOSEN_BY))
    for seed in range(chosen.seeds):
        for name in chosen.only:
            path = chosen.out / f"{re.sub(r'[^a-z0-9]+', '_', name.lower())}_{chosen.seconds:.0f}_{seed}.json"
            if not path.is_file():
                path.write_text(json.dumps(_try(VARIANTS[name], trained, chosen_by, chosen.seconds, seed)))
            _print(name, VARIANTS[name], json.loads(path.read_text()))


def _try(
    variant: Variant, trained: dict[SpecimenName, Maps], chosen_by: dict[SpecimenName, Maps], seconds: float, seed: int
) -> Figures:
    torch.manual_seed(seed)
    network = variant.build().to(memory_format=torch.channels_last)
    steps = _train(network, variant, trained, seconds, seed)
    network.eval()
    figures: Figures = {"": {"steps": steps, "weights": sum(weight.numel() for weight in network.parameters())}}
    for specimen, maps in chosen_by.items():
        scores: dict[str, list[dict[str, float]]] = {"truth": [], "tie": []}
        settings = settings_of(specimen, CHOSEN_BY[specimen][0])
        for index, contrast in enumerate(maps["contrast"]):
            if scene_of_field(settings, index) == "empty":
                continue
            with torch.inference_mode():
                inside = torch.from_numpy(contrast[:224, :224].astype(np.float32))[None, None]
                yx_phase_rad = PHASE_REF_RAD * network(inside)[0, 0].numpy()
            labels = {label: maps[label][index, :224, :224].astype(np.float32) for label in scores}
            for label, yx_label_rad in labels.items():
                scored = score_simulated(yx_phase_rad, yx_label_rad, labels["truth"], specimen)
                scores[label].append(vars(scored))
        for label, found in scores.items():
            figures[f"{specimen} {label}"] = {
                name: float(np.mean([score[name] for score in found])) for name in found[0]
            }
    return figures


def _train(network: nn.Module, variant: Variant, trained: dict[SpecimenName, Maps], seconds: float, seed: int) -> int:
    """Train with supervised steps until the time is spent; the network then has the averaged weights."""
    rng = np.random.default_rng(seed)
    contrasts = np.concatenate([maps["contrast"] for maps in trained.values()])
    labels = np.concatenate([maps[variant.label] for maps in trained.values()])
    optimiser = torch.optim.AdamW(network.parameters(), lr=variant.rate)
    average = copy.deepcopy(network)
    begun, step = time.process_time(), 0
    while (done := (time.process_time() - begun) / seconds) < 1:
        rate = variant.rate * min(1.0, (done + 1e-3) / RAMP) * 0.5 * (1 + math.cos(math.pi * done))
        for group in optimiser.param_groups:
            group["lr"] = rate
        contrast, label = _draw(contrasts, labels, rng)
        optimiser.zero_grad()
        loss = variant.loss(network(contrast), label / PHASE_REF_RAD)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        move_average(average, network, EMA_DECAY, step)
        step += 1
    network.load_state_dict(average.state_dict())
    return step


def _draw(contrasts: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    parts = []
    for index in rng.integers(len(contrasts), size=BATCH):
        top, left = rng.integers(contrasts.shape[-1] - CROP_PX + 1, size=2)
        window = np.stack([maps[index, top : top + CROP_PX, left : left + CROP_PX] for maps in (contrasts, labels)])
        turned = np.rot90(window, int(rng.integers(4)), axes=(1, 2))
        parts.append(turned[:, :, ::-1] if rng.random() < 0.5 else turned)
    batch = torch.from_numpy(np.stack(parts).astype(np.float32))
    channels_last = batch[:, :1].contiguous(memory_format=torch.channels_last)
    return channels_last, batch[:, 1:]


def _cell(ssim: float, psnr_db: float, slope: float) -> str:
    return f"{ssim:.3f}, {psnr_db:.1f} dB, {slope:.2f}"


def _print(name: str, variant: Variant, figures: Figures) -> None:
    if name == next(iter(VARIANTS)):
        columns = (f"{specimen}, {label}" for specimen in CHOSEN_BY for label in ("truth", "tie"))
        print_head("question", "variant", "weights", "steps", *columns)
        nothing = (
            _cell(scores["ssim_zero"], scores["psnr_zero_db"], 0.0) for title, scores in figures.items() if title
        )
        print_row("", "an empty map", "", "", *nothing)
    row = (_cell(scores["ssim"], scores["psnr_db"], scores["slope"]) for title, scores in figures.items() if title)
    own = figures[""]
    print_row(variant.question, name, f"{own['weights'] / 1e6:.2f} M", f"{own['steps']:.0f}", *row)


if __name__ == "__main__":
    main()
