"""Precision and device are chosen by settings, the environment and the machine, in this order."""

import pytest
import torch
from torch import nn

from napari_contransgan.errors import InputError
from napari_contransgan.models import compute
from napari_contransgan.models.compute import (
    autocast,
    choose_device,
    describe_device,
    precision_to_predict,
    precision_to_train,
)
from napari_contransgan.threads import on_threads

CPU = torch.device("cpu")
VARIABLE = "NAPARI_CONTRANSGAN_PRECISION"


@pytest.fixture(autouse=True)
def _nothing_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture(params=[False, True], ids=["without bf16", "with bf16"])
def fast(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the processor has bfloat16 in hardware: both kinds, whatever this machine has."""
    monkeypatch.setattr(compute, "fast_in_bf16", lambda _: request.param)
    return bool(request.param)


def test_training_takes_bf16_where_it_is_fast(fast: bool) -> None:
    assert precision_to_train(CPU) == ("bf16" if fast else "fp32")


def test_prediction_takes_fp32_on_every_processor(fast: bool) -> None:
    assert precision_to_predict() == "fp32"


@pytest.mark.parametrize("name", ["fp32", "bf16"])
def test_the_environment_decides_where_the_settings_leave_it_open(
    fast: bool, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(VARIABLE, name)
    assert precision_to_train(CPU) == precision_to_predict() == name
    other = "bf16" if name == "fp32" else "fp32"
    assert precision_to_train(CPU, other) == precision_to_predict(other) == other  # type: ignore[arg-type]


def test_auto_in_the_environment_is_the_machines_choice(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "auto")
    assert precision_to_train(CPU) == ("bf16" if fast else "fp32")
    assert precision_to_predict() == "fp32"


def test_an_unknown_precision_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "fp64")
    for choose in (lambda: precision_to_train(CPU), precision_to_predict):
        with pytest.raises(InputError, match=f"{VARIABLE}: 'fp64' is not known: use auto, fp32, bf16"):
            choose()


def test_networks_compute_in_the_precision_that_is_chosen(fast: bool) -> None:
    layer, image = nn.Conv2d(1, 1, 1), torch.zeros(1, 1, 4, 4)
    with torch.inference_mode():
        for precision, expected in (
            ("auto", torch.bfloat16 if fast else torch.float32),
            ("fp32", torch.float32),
            ("bf16", torch.bfloat16),
        ):
            with autocast(CPU, precision):  # type: ignore[arg-type]
                assert layer(image).dtype == expected


@pytest.mark.parametrize(
    ("threads", "precision", "engine", "expected"),
    [
        (2, "fp32", "ONNX Runtime", "cpu (2 threads, ONNX Runtime, fp32)"),
        (1, "bf16", "PyTorch", "cpu (1 thread, PyTorch, bf16)"),
        (2, "bf16", "", "cpu (2 threads, bf16)"),
    ],
)
def test_a_description_says_what_computes(threads: int, precision: str, engine: str, expected: str) -> None:
    with on_threads(threads):
        assert describe_device(CPU, precision, engine) == expected  # type: ignore[arg-type]


def test_other_devices_say_their_precision_too() -> None:
    assert describe_device(torch.device("mps"), "fp32", "PyTorch") == "mps (PyTorch, fp32)"


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="this machine has no 'cuda' device: use 'auto' or 'cpu'"):
        choose_device("cuda")
