"""Where and how precisely to compute: device, bfloat16 where the processor is fast at it."""

import contextlib
from typing import Literal

import torch

from napari_contransgan.config import DeviceName
from napari_contransgan.errors import InputError

Precision = Literal["auto", "fp32", "bf16"]


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


def fast_in_bf16(device: torch.device) -> bool:
    """Whether the processor multiplies bfloat16 in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu" and hasattr(torch.cpu, "get_capabilities"):
        has = torch.cpu.get_capabilities()
        return bool(has.get("avx512_bf16") or has.get("amx_bf16") or has.get("amx_bf16_tile"))
    return False


def autocast(device: torch.device, precision: Precision = "auto") -> contextlib.AbstractContextManager[object]:
    """Context in which networks run; weights, losses and outputs stay float32."""
    wanted = precision == "bf16" or (precision == "auto" and fast_in_bf16(device))
    return torch.autocast(device.type, torch.bfloat16) if wanted else contextlib.nullcontext()


def describe_device(device: torch.device, precision: Precision = "auto") -> str:
    """Name the device for people, such as ``cpu (2 threads, bf16)``."""
    number = "bf16" if precision == "bf16" or (precision == "auto" and fast_in_bf16(device)) else "fp32"
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} ({number})"
    return f"{device.type} ({torch.get_num_threads()} threads, {number})" if device.type == "cpu" else device.type
