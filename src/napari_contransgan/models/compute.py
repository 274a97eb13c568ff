"""Choose the device and the precision; only this module asks what hardware the machine has."""

import contextlib
import os
from typing import Literal

import torch

from napari_contransgan.config import DeviceName, PrecisionName
from napari_contransgan.errors import InputError

PRECISION = "NAPARI_CONTRANSGAN_PRECISION"
"""Environment variable that decides what a precision of ``auto`` means on any machine."""

Precision = Literal["fp32", "bf16"]


def choose_device(name: DeviceName = "auto") -> torch.device:
    """Choose the device; ``auto`` uses a GPU if there is one.

    Raises
    ------
    InputError
        If the machine does not have the requested device.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(device for device in ("cuda", "mps", "cpu") if there[device]))
    if not there[name]:
        raise InputError(f"this machine has no {name!r} device: use 'auto' or 'cpu'")
    return torch.device(name)


def precision_to_train(device: torch.device, wanted: PrecisionName = "auto") -> Precision:
    """Choose the precision for training; ``auto`` uses bfloat16 if the device is fast at it.

    Raises
    ------
    InputError
        If the environment variable ``NAPARI_CONTRANSGAN_PRECISION`` does not name a precision.
    """
    return _stated(wanted) or ("bf16" if fast_in_bf16(device) else "fp32")


def precision_to_predict(wanted: PrecisionName = "auto") -> Precision:
    """Choose the precision for prediction; ``auto`` uses fp32, so that every machine gives the same numbers.

    Raises
    ------
    InputError
        If the environment variable ``NAPARI_CONTRANSGAN_PRECISION`` does not name a precision.
    """
    return _stated(wanted) or "fp32"


def _stated(wanted: PrecisionName) -> Precision | None:
    """Return the precision in the setting or, if that is ``auto``, in the environment; None if neither states one."""
    name = os.environ.get(PRECISION, "auto") if wanted == "auto" else wanted
    known: dict[str, Precision | None] = {"auto": None, "fp32": "fp32", "bf16": "bf16"}
    if name not in known:
        raise InputError(f"the environment variable {PRECISION}: {name!r} is not known: use {', '.join(known)}")
    return known[name]


def fast_in_bf16(device: torch.device) -> bool:
    """Return whether the processor multiplies bfloat16 in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu" and hasattr(torch.cpu, "get_capabilities"):
        has = torch.cpu.get_capabilities()
        return bool(has.get("avx512_bf16") or has.get("amx_bf16") or has.get("amx_bf16_tile"))
    return False


def autocast(device: torch.device, precision: PrecisionName = "auto") -> contextlib.AbstractContextManager[object]:
    """Return the autocast context for networks; weights, losses and outputs stay float32."""
    if precision_to_train(device, precision) == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def describe_device(device: torch.device, precision: Precision, engine: str = "") -> str:
    """Return a description of the device for users, such as ``cpu (2 threads, ONNX Runtime, fp32)``."""
    name, details = device.type, [engine, precision]
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    if device.type == "cpu":
        threads = torch.get_num_threads()
        details = [f"{threads} threads" if threads > 1 else "1 thread", *details]
    return f"{name} ({', '.join(filter(None, details))})"
