"""Load torch so that it neither crashes nor stops the window.

Mesa's software renderer and its AMD driver load the shared library libLLVM; triton, which comes with torch's CUDA
builds and is imported by torchvision and timm, carries an LLVM of its own. Loading triton second ends the process with
a segmentation fault (seen with Mesa's llvmpipe, torch 2.15 and triton 3.9). Nothing here needs triton, and torch does
without it where it cannot be imported.

``import torch`` loads its libraries while it holds the interpreter, for half a second or more, in which the window can
do nothing. So they are loaded before, by a call that lets go of the interpreter.

The thread that first imports torch is remembered, together with Python's state of this thread, by pybind11, through
which torch calls Python. Qt gives a worker's thread to later workers, each of which gets a new state. Torch then goes
back to the old one, which no longer exists: the window stops for good, or the process ends with a segmentation fault
(seen with torch 2.4). So torch is imported in a thread that no worker gets.
"""

import ctypes
import os
import sys
import threading
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

_LOADED_LIBRARIES = Path("/proc/self/maps")
_TORCH_LIBRARIES = {"libtorch_global_deps.so": os.RTLD_NOW | os.RTLD_GLOBAL, "libtorch.so": os.RTLD_LAZY}
"""The order and the first mode are those of torch itself."""


def keep_triton_out() -> None:
    """Make ``import triton`` fail cleanly from now on, if it would crash this process."""
    if "triton" not in sys.modules and _llvm_is_loaded():
        sys.modules["triton"] = None  # type: ignore[assignment]  # Python's mark of a module that cannot be had


def load_torch() -> None:
    """Import torch, in a worker that is about to use it; where this fails, the worker's own import says why."""
    if "torch" in sys.modules:
        return
    _load_libraries()
    thread = threading.Thread(target=_import_torch, name="import torch")
    thread.start()
    thread.join()


def _import_torch() -> None:
    with suppress(Exception):
        import_module("torch")


def _load_libraries() -> None:
    if not sys.platform.startswith("linux"):
        return
    spec = find_spec("torch")
    folders = spec.submodule_search_locations if spec is not None else None
    if not folders:
        return
    load = ctypes.CDLL(None).dlopen  # `ctypes.CDLL(path)` would hold the interpreter
    load.restype, load.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    for name, mode in _TORCH_LIBRARIES.items():
        load(os.fsencode(Path(folders[0]) / "lib" / name), mode)


def _llvm_is_loaded() -> bool:
    try:
        return "libLLVM" in _LOADED_LIBRARIES.read_text()
    except OSError:  # there is no such file beside Linux, and no such clash
        return False
