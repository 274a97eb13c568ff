"""The command train gives the same results as its function in Python, and is resumed."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from typer.testing import Result

from napari_contransgan.config import TrainSettings
from napari_contransgan.config.training import MOST_STEPS

Call = Callable[..., Result]

Json = Callable[..., dict[str, Any]]

Start = Callable[..., "subprocess.Popen[str]"]


def test_train_takes_a_batch_size_and_a_crop(call_for_json: Json, hela: Path, tmp_path: Path) -> None:
    options = ["--generator", "unet", "--preset", "tiny", "--steps", "1", "--batch-size", "1", "--crop", "96"]
    call_for_json("train", "--out", tmp_path / "run", "--pairs", hela, *options)
    settings = TrainSettings.from_yaml(tmp_path / "run" / "config.yaml")
    assert (settings.batch_size, settings.crop_px) == (1, 96)


def test_train_by_the_clock_ends_and_is_resumed_with_more_minutes(
    call_for_json: Json, hela: Path, tmp_path: Path
) -> None:
    values = {"pairs": [str(hela)], "generator": "unet", "preset": "tiny", "batch_size": 1, "crop_px": 96}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(values))
    options = ["--out", tmp_path / "run", "--config", tmp_path / "tiny.yaml"]
    figures = call_for_json("train", *options, "--minutes", "0.01")
    assert figures["step"] >= 1
    assert Path(figures["checkpoint"]).is_file()
    settings = TrainSettings.from_yaml(tmp_path / "run" / "config.yaml")
    assert (settings.minutes, settings.steps) == (0.01, MOST_STEPS)
    more = str(figures["step"] + 1)
    again = call_for_json("train", "--out", tmp_path / "run", "--resume", "--minutes", "10", "--steps", more)
    assert again["step"] == figures["step"] + 1


def test_train_computes_as_told_and_says_how(call_for_json: Json, hela: Path, tmp_path: Path) -> None:
    options = ["--pairs", hela, "--preset", "tiny", "--generator", "unet", "--steps", "1"]
    figures = call_for_json("train", "--out", tmp_path, *options, "--precision", "bf16", "--threads", "2")
    assert figures["device"] == "cpu (2 threads, bf16)"
    assert TrainSettings.from_yaml(tmp_path / "config.yaml").threads == 2


def test_train_tells_its_scores_and_leaves_a_checkpoint(
    call: Call, run_folder: Path, hela: Path, tmp_path: Path
) -> None:
    settings = TrainSettings(pairs=(hela,), preset="tiny", generator="unet", steps=9, validate_every=1)
    config = tmp_path / "config.yaml"
    config.write_text(settings.to_yaml())
    result = call("train", "--out", tmp_path / "run", "--config", config, "--steps", "2", "--json")
    assert result.exit_code == 0, result.stderr
    figures = json.loads(result.stdout)
    assert figures["step"] == 2
    assert figures["checkpoint"] == str(tmp_path / "run" / "best.safetensors")
    assert {"ssim", "psnr_db", "slope", "ssim_zero", "psnr_zero_db", "losses", "device"} <= figures.keys()
    assert "step 1: SSIM" in result.stderr
    assert "step 2: SSIM" in result.stderr
    assert TrainSettings.from_yaml(tmp_path / "run" / "config.yaml").generator == "unet"


def test_unpaired_folders_train_without_a_score(call: Call, hela: Path, tmp_path: Path) -> None:
    folders = ["--lr", hela / "lr", "--phase", hela / "phase"]
    options = ["--recipe", "paper", "--generator", "unet", "--preset", "tiny", "--steps", "1"]
    result = call("train", "--out", tmp_path / "run", *folders, *options, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["ssim"] is None
    assert "step 1: no held-out pairs to score against" in result.stderr


def test_epochs_count_how_often_an_image_is_seen(call_for_json: Json, hela: Path, tmp_path: Path) -> None:
    options = ["--pairs", hela, "--preset", "tiny", "--generator", "unet", "--epochs", "8"]
    assert call_for_json("train", "--out", tmp_path / "run", *options)["step"] == 2  # one pair, four images a step


def test_a_second_run_in_one_folder_needs_resume_and_goes_on(
    call_for_json: Json, call: Call, run_folder: Path, hela: Path, tmp_path: Path
) -> None:
    options = ["--out", tmp_path / "run", "--pairs", hela, "--preset", "tiny", "--generator", "unet"]
    call_for_json("train", *options, "--steps", "1")
    refused = call("train", *options, "--steps", "2")
    assert refused.exit_code == 2
    assert "resume" in refused.stderr
    figures = call_for_json("train", "--out", tmp_path / "run", "--resume", "--steps", "2")
    assert figures["step"] == 2
    logged = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [record["step"] for record in logged if "validation" not in record] == [1, 2]


def test_an_interrupted_training_keeps_its_work_and_can_go_on(
    call_for_json: Json, start: Start, hela: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    options = ["--pairs", hela, "--preset", "tiny", "--generator", "unet", "--steps", "100000"]
    process = start("train", "--out", run, *options)
    try:
        metrics = run / "metrics.jsonl"
        deadline = time.monotonic() + 120
        while not (metrics.is_file() and metrics.read_text().count("\n") >= 2):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert stdout == ""
    assert "Traceback" not in stderr
    assert f"the run is saved in {run}: continue it with --resume" in stderr
    done = int(re.search(r"stopped after step (\d+)", stderr).group(1))
    figures = call_for_json("train", "--out", run, "--resume", "--steps", done + 1)
    assert figures["step"] == done + 1
