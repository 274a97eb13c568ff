"""Keep torch from crashing a window that is drawn with LLVM.

Mesa's software renderer and its AMD driver load the shared library libLLVM; triton, which comes with torch's CUDA
builds and is imported by torchvision and timm, carries an LLVM of its own. Loading triton second ends the process with
a segmentation fault (seen with Mesa's llvmpipe, torch 2.15 and triton 3.9). Nothing here needs triton, and torch does
without it where it cannot be imported.
"""

import sys
from pathlib import Path

_LOADED_LIBRARIES = Path("/proc/self/maps")


def keep_triton_out() -> None:
    """Make ``import triton`` fail cleanly from now on, if it would crash this process."""
    if "triton" not in sys.modules and _llvm_is_loaded():
        sys.modules["triton"] = None  # type: ignore[assignment]  # Python's mark of a module that cannot be had


def _llvm_is_loaded() -> bool:
    try:
        return "libLLVM" in _LOADED_LIBRARIES.read_text()
    except OSError:  # there is no such file beside Linux, and no such clash
        return False
