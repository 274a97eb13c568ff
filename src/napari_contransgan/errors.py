"""Errors that a user can fix."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Self

Hint = Literal["flip_z", "resume"]
"""The setting that solves a problem; the command line adds the name of its option, the window that of its field."""


class InputError(ValueError):
    """Input that cannot be used; the message names the file or layer, what is wrong and what to do.

    The command line prints it as one line and exits with status 2; the window shows it as a notification. Any other
    exception is a bug in the program.

    Parameters
    ----------
    reason : str
        What is wrong and what to do. It names no command-line option and no button.
    source : object, optional
        The file or image; the message begins with it.
    hint : Hint, optional
        The setting that solves the problem.
    """

    def __init__(self, reason: str, *, source: object = None, hint: Hint | None = None) -> None:
        super().__init__(reason if source is None else f"{source}: {reason}")
        self.reason = reason
        self.source = None if source is None else str(source)
        self.hint = hint

    def named(self, source: object, *, instead_of: object = None) -> Self:
        """Return the same error with a source at the start of its message.

        Parameters
        ----------
        source : object
            The file or image.
        instead_of : object, optional
            Another name of the same image, which is dropped. Any other source that the error names stays in the
            message.
        """
        is_same = self.source in (None, str(source), str(instead_of))
        return type(self)(self.reason if is_same else str(self), source=source, hint=self.hint)


class UnusableFrameError(InputError):
    """A frame that cannot be used, although other frames of its series may be usable."""


_FAULTS_OF_PROGRAMS = (AttributeError, TypeError, NameError, ImportError, AssertionError, NotImplementedError)


def unreadable(error: Exception, damaged: str) -> str:
    """Return why a file cannot be read, from an error of the library that reads it.

    Parameters
    ----------
    error : Exception
        Raised while the file was read.
    damaged : str
        What to say of a damaged file.

    Returns
    -------
    str
        As given, unless the type of the error shows that the program may be at fault instead.
    """
    if not isinstance(error, _FAULTS_OF_PROGRAMS):
        return damaged
    details = " ".join(str(error).split())
    return (
        f"cannot be read ({type(error).__name__}: {details}). The file may be damaged: copy or export it again. If "
        "other programs open it, this program or one of its packages is at fault: report the message"
    )


@contextmanager
def errors_named(path: Path, name: str) -> Iterator[None]:
    """Add the path of a file to an error that names only its image.

    Parameters
    ----------
    path : Path
        The file.
    name : str
        Name of its image, which the path replaces.
    """
    try:
        yield
    except InputError as error:
        if str(path) in str(error):
            raise
        raise error.named(path, instead_of=name) from error
