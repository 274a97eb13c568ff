"""Shared parts of all commands: printing of results, exit status and progress."""

import contextlib
import errno
import functools
import inspect
import json
import signal
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress as Bar
from typer.models import ParameterInfo

from napari_contransgan.errors import Hint, InputError
from napari_contransgan.plain_files import json_value
from napari_contransgan.progress import Progress, result_of

T = TypeVar("T")
Command = Callable[..., Mapping[str, Any]]
Position = Annotated[
    int | None,
    typer.Option(
        help="Stage position of a file with several, counted from 0. [default: the first]", show_default=False
    ),
]

HINTS: Mapping[Hint, str] = {
    "flip_z": "To flip z, add --flip-z.",
    "resume": "To resume the run, add --resume.",
}
"""Options that carry out the advice in a message or note."""

_USER_CAN_MEND = (
    *(errno.EACCES, errno.EPERM, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOSPC, errno.EROFS),
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.EFBIG, errno.EDQUOT),
)


def command(app: typer.Typer, name: str, example: str) -> Callable[[Command], Command]:
    """Register a function as a command that prints the values it returns.

    Adds ``--json`` and ``--debug``, and turns errors into an exit status: 2 for an `InputError`, with one line on
    standard error, 130 for an interrupt, and 1 for any other error.

    Parameters
    ----------
    app : Typer
        App to which the command is added.
    name : str
        Name of the command.
    example : str
        A working call for the help, without the program's name.
    """

    def register(function: Command) -> Command:
        @functools.wraps(function)
        def run_and_print(as_json: bool, debug: bool, **options: Any) -> None:
            with _exit_status(debug), _ended_by_signals():
                figures = json_value(function(**options), only_finite=True)
                if figures:  # further processes of a training return none
                    typer.echo(json.dumps(figures) if as_json else "\n".join(_lines(figures)))

        signature = inspect.signature(function)
        for parameter in signature.parameters.values():
            for option in getattr(parameter.annotation, "__metadata__", ()):
                if isinstance(option, ParameterInfo):
                    option.readable = False  # the one who reads the file says in one line why it cannot be read
        added = {
            "as_json": Annotated[bool, typer.Option("--json", help="Print all results as one JSON object.")],
            "debug": Annotated[bool, typer.Option("--debug", help="Print the traceback of an error.")],
        }
        switches = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
            for key, annotation in added.items()
        ]
        run_and_print.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*signature.parameters.values(), *switches], return_annotation=None
        )
        run_and_print.__annotations__ = function.__annotations__ | added | {"return": None}
        app.command(name, epilog=f"\b\nExample:\n  napari-contransgan {example}")(run_and_print)
        return function

    return register


class TerminatedError(KeyboardInterrupt):
    """The system asked the program to end (SIGTERM), or its terminal was closed (SIGHUP)."""


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Treat a request to end like an interrupt, so that files that are being written are cleaned up."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise TerminatedError

    numbers = [number for name in ("SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None]
    before = {number: signal.getsignal(number) for number in numbers}
    # nohup has it ignored, which is to stay so; and only the main thread may set handlers
    ours = [number for number, handler in before.items() if handler == signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        ours = []
    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def _exit_status(debug: bool) -> Iterator[None]:
    status, message = 0, ""
    try:
        yield
    except InputError as error:
        status, message = 2, str(error) if error.hint is None else f"{error}. {HINTS[error.hint]}"
    except TerminatedError:
        status, message = 143, "terminated"
    except KeyboardInterrupt:
        status, message = 130, "interrupted"
    except OSError as error:
        status, message = 1, f"{type(error).__name__}: {error}"
        if error.errno in _USER_CAN_MEND and error.filename is not None:
            status, message = 2, f"{error.filename}: {error.strerror}: check the path, its permissions and free space"
    except Exception as error:
        status, message = 1, f"{type(error).__name__}: {error}"
    else:
        return
    if debug:
        traceback.print_exc()
    kind = {1: "bug in the program: ", 2: "error: "}.get(status, "")
    hint = " (run the command again with --debug to see where)" if status == 1 and not debug else ""
    typer.echo(kind + _shown(" ".join(message.splitlines())) + hint, err=True)
    raise typer.Exit(status)


def run(events: Generator[Progress, None, T]) -> T:
    """Run a task to its end, with a progress bar if standard error is a terminal.

    The generator is always closed, even after an interrupt.
    """
    with progress_bar() as bar, contextlib.closing(events):
        task = bar.add_task("", total=None)

        def show(event: Progress) -> None:
            bar.update(task, completed=event.step, total=event.total, description=escape(event.message))

        return result_of(events, show)


def progress_bar() -> Bar:
    """Return a progress bar on standard error, which shows nothing if that is not a terminal."""
    console = Console(stderr=True)
    return Bar(console=console, transient=True, disable=not console.is_terminal)


@contextlib.contextmanager
def interrupt_held_back(bar: Bar | None = None) -> Iterator[Callable[[], bool]]:
    """Hold back an interrupt (or SIGTERM) until the current step has ended; a second interrupt ends it at once.

    Yields
    ------
    callable
        Returns whether an interrupt has arrived.
    """
    came = False

    def on_interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal came
        if came:
            raise KeyboardInterrupt
        came = True
        note("interrupted: finishing the current step (interrupt again to stop at once)", bar)

    before = {number: signal.signal(number, on_interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def note(message: str, bar: Bar | None = None) -> None:
    """Print a note on standard error, above the progress bar if there is one."""
    console = Console(stderr=True) if bar is None else bar.console
    console.print(_shown(message), markup=False, highlight=False, soft_wrap=True)


def number_or_path(text: str | None) -> float | Path | None:
    """Return the value of an option as a number, or else as the path of a file."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return Path(text)


def _lines(value: Any, indent: str = "") -> Iterator[str]:
    """Format values as lines of text."""
    for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
        label = f"{indent}{key}:" if isinstance(value, Mapping) else f"{indent}-"
        if isinstance(item, list) and item and all(isinstance(part, (int, float)) for part in item):
            yield f"{label} {', '.join(map(_text, item))}"
        elif isinstance(item, (Mapping, list)) and item:
            yield label
            yield from _lines(item, indent + "  ")
        else:
            yield f"{label} {_text(item)}"


def _text(item: Any) -> str:
    if item is None:
        return "-"
    if isinstance(item, float):
        return f"{item:.5g}"
    return "-" if item in ([], {}) else _shown(str(item))


def _shown(text: str) -> str:
    """Return text without characters that would control the terminal, such as those in the card of a stranger."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in text)
