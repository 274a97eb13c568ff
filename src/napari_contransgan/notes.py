"""Notes for the user: join those of single frames into notes on a series, and add a file's notes to an error."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from napari_contransgan.errors import InputError

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")
_MOST_NAMED = 12


def join_notes(frames: Sequence[Sequence[str]], left_out: Sequence[bool] = ()) -> tuple[str, ...]:
    """Join the notes of all frames of a series; a note that not all frames share names its frames.

    Notes that differ only in their numbers count as one; the one with the largest numbers is kept.

    Parameters
    ----------
    frames : sequence of sequence of str
        Notes of each frame, in order.
    left_out : sequence of bool
        Frames for which nothing was computed; a note that all the other frames share names no frames.

    Returns
    -------
    tuple of str
        Notes on all frames, then notes on some, each in order of first occurrence; frames are counted from 1.
    """
    found: dict[str, dict[int, str]] = {}
    computed = len(frames) - sum(left_out)
    for index, notes in enumerate(frames):
        for note in notes:
            found.setdefault(_NUMBER.sub("#", note), {}).setdefault(index, note)
    of_all, of_some = [], []
    for by_frame in found.values():
        worst = max(by_frame.values(), key=_numbers)
        if len(by_frame) < computed or any(left_out[index] for index in by_frame if left_out):
            of_some.append(f"{_named(list(by_frame), len(frames))}: {worst}")
        else:
            of_all.append(worst)
    return (*of_all, *of_some)


@contextmanager
def doubts_added(notes: Sequence[str]) -> Iterator[None]:
    """Add a file's notes to the reason why it is rejected, because they often explain it.

    Raises
    ------
    InputError
        In place of an `InputError` raised within the block.
    """
    try:
        yield
    except InputError as error:
        if not notes:
            raise
        raise InputError(f"{error.reason} ({' '.join(notes)})", source=error.source, hint=error.hint) from error


def _numbers(note: str) -> tuple[float, ...]:
    return tuple(float(number) for number in _NUMBER.findall(note))


def _named(indices: Sequence[int], total: int) -> str:
    """Return the names of frames, with three or more neighbours as a range: "Frames 1 to 4 and 9 of 12"."""
    ranges: list[list[int]] = []
    for index in indices:
        if ranges and index == ranges[-1][-1] + 1:
            ranges[-1].append(index)
        else:
            ranges.append([index])
    texts: list[str] = []
    for one in ranges:
        texts += [f"{one[0] + 1} to {one[-1] + 1}"] if len(one) > 2 else [str(index + 1) for index in one]
    if len(texts) > _MOST_NAMED:
        texts = [*texts[:_MOST_NAMED], "more"]
    listed = texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
    return f"Frame{'s' if len(indices) > 1 else ''} {listed} of {total}"


def share_text(share: float) -> str:
    """Write a share as a percentage, without calling a small one 0.0%."""
    return f"{share:.1%}" if share >= 0.0005 else "less than 0.1%"
