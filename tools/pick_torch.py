"""Choose how `make` installs PyTorch: print pip arguments, or nothing if the ordinary requirement is enough.

On Linux the ordinary requirement brings several GB of CUDA libraries. On a machine without an NVIDIA GPU, the CPU
builds (local version label ``+cpu``) are better, if the configured package index offers them. Both torch and
torchvision must be CPU builds that fit each other: a CPU torch with a CUDA torchvision fails at import.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CPU_LABEL = "+cpu"


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version, without its local label: ``"2.13.0+cpu"`` becomes (2, 13, 0)."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0]))


def fit(torch: str, torchvision: str) -> bool:
    """Return whether a torch and a torchvision belong together.

    Torch 2.n goes with torchvision 0.(n + 15); from 0.29 on, torchvision works with any torch from 2.14 on.
    """
    torch_major, torch_minor, *_ = numbers(torch)
    vision_major, vision_minor, *_ = numbers(torchvision)
    if (torch_major, vision_major) != (2, 0):
        return False
    return vision_minor == torch_minor + 15 or (torch_minor >= 14 and vision_minor >= 29)


def cpu_pair(torch_versions: Sequence[str], torchvision_versions: Sequence[str]) -> tuple[str, str] | None:
    """Return the newest pair of CPU builds that fit each other, or None."""
    pairs = [
        (torch, torchvision)
        for torch in torch_versions
        for torchvision in torchvision_versions
        if torch.endswith(CPU_LABEL) and torchvision.endswith(CPU_LABEL) and fit(torch, torchvision)
    ]
    return max(pairs, key=lambda pair: (numbers(pair[0]), numbers(pair[1])), default=None)


def choose(
    torch_args: str,
    *,
    linux: bool,
    nvidia: bool,
    versions: dict[str, list[str]] | None,
) -> tuple[str, str]:
    """Choose the pip arguments from the properties of the machine and the package index.

    Parameters
    ----------
    torch_args : str
        The user's own pip arguments; they override everything else.
    linux, nvidia : bool
        Whether the machine runs Linux, and whether it has an NVIDIA GPU.
    versions : dict of list of str, or None
        Available versions of ``torch`` and ``torchvision``; None if the index could not be queried.

    Returns
    -------
    tuple of str
        The pip arguments (empty for the ordinary requirement), and the reason.
    """
    if torch_args.strip():
        return torch_args.strip(), f"as given by TORCH_ARGS: {torch_args.strip()}"
    ordinary = "the ordinary requirement"
    if not linux:
        return "", f"{ordinary} (it brings no CUDA libraries on this system)"
    if nvidia:
        return "", f"{ordinary} (this machine has an NVIDIA GPU)"
    if versions is None:
        return "", f"{ordinary} (the package index could not be queried for CPU builds)"
    pair = cpu_pair(versions["torch"], versions["torchvision"])
    if pair is None:
        return "", f"{ordinary} (no GPU here, but no CPU builds of torch and torchvision that fit are on offer)"
    torch, torchvision = pair
    return (
        f"torch=={torch} torchvision=={torchvision}",
        f"CPU builds {torch} and {torchvision} (no GPU here)",
    )


def has_nvidia_gpu() -> bool:
    """Return whether an NVIDIA driver is running."""
    return shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia/version").exists()


def versions_on_offer(package: str) -> list[str]:
    """Return the versions of a package that pip, as configured here, can find.

    Raises
    ------
    OSError, subprocess.SubprocessError, ValueError, KeyError
        If pip cannot answer.
    """
    command = [sys.executable, "-m", "pip", "index", "versions", "--json", "--no-input", package]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)  # noqa: S603 - fixed words
    versions: list[str] = json.loads(answer.stdout)["versions"]
    return versions


def main(torch_args: str) -> None:
    """Print the pip arguments on standard output and the reason on standard error."""
    linux, nvidia = sys.platform == "linux", has_nvidia_gpu()
    versions = None
    if linux and not nvidia and not torch_args.strip():
        try:
            versions = {package: versions_on_offer(package) for package in ("torch", "torchvision")}
        except (OSError, subprocess.SubprocessError, ValueError, KeyError):
            versions = None
    args, reason = choose(torch_args, linux=linux, nvidia=nvidia, versions=versions)
    print(f"PyTorch: {reason}", file=sys.stderr)
    if args:
        print(args)


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
