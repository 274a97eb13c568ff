"""Run tests in forked processes of a copy with mutants, to see whether they notice one."""

import importlib
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

MOST_WAIT_S = 300
IMPORTED = (
    "napari_contransgan.io",
    "napari_contransgan.tie.retrieval",
    "napari_contransgan.tiles",
    "napari_contransgan.models.checkpoint",
    "hypothesis",
)
"""What most tests import."""
PLUGINS = ("pytest_timeout", "_hypothesis_pytestplugin")
QUIET = ("-q", "-x", "--tb=no", "--rootdir=.", "-p", "no:cacheprovider", *(f"-p{name}" for name in PLUGINS))
BROKEN = 99
NOTICED, SURVIVED = "noticed", "survived"


def enter(tree: Path) -> None:
    """Work in the copy from now on, and import what most tests import, so that forked processes begin at once."""
    os.environ |= {"NAPARI_CONTRANSGAN_THREADS": "1", "OMP_NUM_THREADS": "1", "MUTANT_UNDER_TEST": ""}
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.chdir(tree)
    sys.path[:0] = [str(tree), str(tree / "src")]
    for name in IMPORTED:
        importlib.import_module(name)


def outcome(mutant: str, files: list[str], most_s: float) -> str:
    """Return whether a test fails with a mutant.

    Parameters
    ----------
    mutant : str
        Its name.
    files : list of str
        Files of tests, in the order in which they run.
    most_s : float
        Processor time after which no further test begins.
    """
    import pytest

    def work() -> int:
        resource.setrlimit(resource.RLIMIT_CPU, (int(20 + 2 * most_s), int(30 + 2 * most_s)))
        end = _End(most_s)
        status = int(pytest.main([*QUIET, f"--timeout={MOST_WAIT_S}", *files], plugins=[end]))
        return 0 if end.is_over and not end.has_failed else status

    return NOTICED if _forked(work, mutant) else SURVIVED


class _End:
    """Ends the tests after some processor time."""

    def __init__(self, most_s: float) -> None:
        self._end_s = _processor_s() + most_s
        self.is_over = self.has_failed = False

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.has_failed = self.has_failed or report.failed

    def pytest_runtest_teardown(self, item: Any) -> None:
        if _processor_s() > self._end_s:
            self.is_over = True
            item.session.shouldstop = "the time is over"


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _forked(work: Callable[[], int], mutant: str) -> int:
    """Do something in a forked process with an active mutant; return its exit status, negative for a signal."""
    pid = os.fork()
    if pid:
        ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if ended == -signal.SIGTERM:
            raise KeyboardInterrupt  # both processes were asked to end
        if ended == BROKEN:
            raise RuntimeError(f"{mutant}: its tests could not be started")
        return ended
    status = BROKEN
    try:
        from mutmut.mutation.trampoline import set_mutant_under_test

        with _silence():
            set_mutant_under_test(mutant)
            status = work()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


class _silence:  # noqa: N801 - used like a function
    """Send what is printed nowhere."""

    def __enter__(self) -> None:
        sys.stdout.flush()
        self._kept = os.dup(1), os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        os.close(nowhere)

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()
        for number, kept in enumerate(self._kept, 1):
            os.dup2(kept, number)
            os.close(kept)
