"""Where and how precisely to compute: the one place that asks what the machine has."""

import contextlib
import os
from typing import Literal

import torch

from napari_contransgan.config import DeviceName, PrecisionName
from napari_contransgan.errors import InputError

PRECISION = "NAPARI_CONTRANSGAN_PRECISION"
"""Environment variable: what a precision of ``auto`` means, whatever the machine has."""

Precision = Literal["fp32", "bf16"]


def choose_device(name: DeviceName = "auto") -> torch.device:
    """Pick the device; ``auto`` takes a GPU where there is one.

    Raises
    ------
    InputError
        If the device asked for is not there.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(device for device in ("cuda", "mps", "cpu") if there[device]))
    if not there[name]:
        raise InputError(f"this machine has no {name!r} device: use 'auto' or 'cpu'")
    return torch.device(name)


def precision_to_train(device: torch.device, wanted: PrecisionName = "auto") -> Precision:
    """Choose the precision of training; ``auto`` takes bfloat16 where the device is fast at it.

    Raises
    ------
    InputError
        If the environment variable ``NAPARI_CONTRANSGAN_PRECISION`` is no precision.
    """
    return _stated(wanted) or ("bf16" if fast_in_bf16(device) else "fp32")


def precision_to_predict(wanted: PrecisionName = "auto") -> Precision:
    """Choose the precision of prediction; ``auto`` takes fp32, so that every machine gives the same numbers.

    Raises
    ------
    InputError
        If the environment variable ``NAPARI_CONTRANSGAN_PRECISION`` is no precision.
    """
    return _stated(wanted) or "fp32"


def _stated(wanted: PrecisionName) -> Precision | None:
    """Read what the setting or, where that is ``auto``, the environment asks for; None where both leave it open."""
    name = os.environ.get(PRECISION, "auto") if wanted == "auto" else wanted
    known: dict[str, Precision | None] = {"auto": None, "fp32": "fp32", "bf16": "bf16"}
    if name not in known:
        raise InputError(f"the environment variable {PRECISION}: {name!r} is not known: use {', '.join(known)}")
    return known[name]


def fast_in_bf16(device: torch.device) -> bool:
    """Whether the processor multiplies bfloat16 in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu" and hasattr(torch.cpu, "get_capabilities"):
        has = torch.cpu.get_capabilities()
        return bool(has.get("avx512_bf16") or has.get("amx_bf16") or has.get("amx_bf16_tile"))
    return False


def autocast(device: torch.device, precision: PrecisionName = "auto") -> contextlib.AbstractContextManager[object]:
    """Context in which networks run; weights, losses and outputs stay float32; ``auto`` as in training."""
    if precision_to_train(device, precision) == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def describe_device(device: torch.device, precision: Precision, engine: str = "") -> str:
    """Name for people what computes, such as ``cpu (2 threads, ONNX Runtime, fp32)``."""
    name, details = device.type, [engine, precision]
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    if device.type == "cpu":
        threads = torch.get_num_threads()
        details = [f"{threads} threads" if threads > 1 else "1 thread", *details]
    return f"{name} ({', '.join(filter(None, details))})"
