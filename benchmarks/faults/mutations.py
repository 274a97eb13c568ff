"""Damage files at random, in the bytes and in what they state."""

import json
import random
import struct
from collections.abc import Callable, Sequence
from typing import Any

NASTY_NUMBERS = (0, 1, 2, 3, 7, 8, 255, 256, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)
NASTY_TEXTS = (
    *("null", "~", "true", "-1", "0", "1e308", "1e-320", "-1e38", ".nan", ".inf", "-.inf", "NaN", "Infinity"),
    *("9" * 400, "9" * 5000, "''", '"\\ud800"', "[]", "{}", "[[[[]]]]", "[1, 2]", "{a: 1}", "!!int ''", "2024-13-45"),
    *("2024-05-01", "!!float x", "&a [*a]", "*a", "!!python/name:os.system", "x" * 300, "../" * 60, "\x00", "|", ">"),
    *("0x", "1_000", "0o9", "1:30", "!!set {a}", "!!binary x", "? [a]"),
)
LONG_TEXTS = ("[" * 3000, "{a: " * 1000, "- " * 1000)
PLAIN_TEXTS = ("0.5", "1", "2", "3", "20", "0.05", "false", "auto", "hela", "10x", "[0.5, 1]", "[-2, 0, 2]")

Mutate = Callable[[bytearray, random.Random], bytearray]


def mutated(content: bytes, rng: random.Random, mutations: Sequence[Mutate]) -> bytes:
    """Return content with one to four random mutations.

    Parameters
    ----------
    content : bytes
        A valid file.
    rng : Random
        Random numbers.
    mutations : sequence of callable
        Kinds of damage to choose from.
    """
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if damaged:
            damaged = rng.choice(mutations)(damaged, rng)
    return bytes(damaged)


def flip_bit(content: bytearray, rng: random.Random) -> bytearray:
    """Flip a bit."""
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return content


def flip_bit_early(content: bytearray, rng: random.Random) -> bytearray:
    """Flip a bit near the beginning."""
    content[rng.randrange(min(512, len(content)))] ^= 1 << rng.randrange(8)
    return content


def put_number(content: bytearray, rng: random.Random) -> bytearray:
    """Overwrite a few bytes with a number at the edge of its range."""
    form = rng.choice(("<H", ">H", "<I", ">I", "<Q", ">Q"))
    size = struct.calcsize(form)
    if len(content) > size:
        struct.pack_into(form, content, rng.randrange(len(content) - size), rng.choice(NASTY_NUMBERS) % 256**size)
    return content


def cut(content: bytearray, rng: random.Random) -> bytearray:
    """Drop the end."""
    return content[: rng.randrange(len(content))]


def remove(content: bytearray, rng: random.Random) -> bytearray:
    """Drop a few bytes from the middle."""
    start = rng.randrange(len(content))
    del content[start : start + rng.choice((1, 2, 12, 100))]
    return content


def copy(content: bytearray, rng: random.Random) -> bytearray:
    """Copy a few bytes to another place."""
    length = rng.choice((2, 4, 12, 64))
    start, place = rng.randrange(len(content)), rng.randrange(len(content))
    part = content[start : start + length]
    content[place : place + len(part)] = part
    return content


def insert(content: bytearray, rng: random.Random) -> bytearray:
    """Insert random bytes."""
    place = rng.randrange(len(content))
    content[place:place] = rng.randbytes(rng.choice((1, 4, 50)))
    return content


def change_tag(content: bytearray, rng: random.Random) -> bytearray:
    """Change the kind, the count or the value of a tag in the directories of a TIFF."""
    order = "<" if content[:2] == b"II" else ">"
    is_big = bytes(content[2:4]) in (b"\x2b\x00", b"\x00\x2b")
    count_form, offset_form, entry_size = ("Q", "Q", 20) if is_big else ("H", "I", 12)
    entries: list[int] = []
    links = [8 if is_big else 4]
    try:
        for _ in range(16):
            (offset,) = struct.unpack_from(order + offset_form, content, links[-1])
            if offset == 0:
                break
            (count,) = struct.unpack_from(order + count_form, content, offset)
            start = offset + struct.calcsize(count_form)
            entries += [start + entry_size * number for number in range(min(count, 64))]
            links.append(start + entry_size * count)
        if rng.random() < 0.1:
            target = rng.choice([struct.unpack_from(order + offset_form, content, link)[0] for link in links[:-1]])
            struct.pack_into(order + offset_form, content, rng.choice(links), target)
            return content
        entry = rng.choice(entries)
        place, form = rng.choice(
            ((0, "H"), (2, "H"), (4, offset_form), (entry_size - struct.calcsize(offset_form), "H"))
        )
        limit = 256 ** struct.calcsize(form)
        value = rng.choice((*NASTY_NUMBERS, rng.randrange(64), rng.randrange(1, 6))) % limit
        struct.pack_into(order + form, content, entry + place, value)
    except (struct.error, IndexError, OverflowError):
        return flip_bit(content, rng)
    return content


def replace_value_plainly(content: bytearray, rng: random.Random) -> bytearray:
    """Replace the value of a line of YAML by one that some setting has."""
    return _with_value(content, rng, rng.choice(PLAIN_TEXTS))


def replace_value(content: bytearray, rng: random.Random) -> bytearray:
    """Replace the value of a line of YAML."""
    return _with_value(content, rng, rng.choice(NASTY_TEXTS if rng.random() < 0.99 else LONG_TEXTS))


def _with_value(content: bytearray, rng: random.Random, value: str) -> bytearray:
    lines = content.decode(errors="surrogateescape").split("\n")
    number = rng.randrange(len(lines))
    key, colon, _ = lines[number].partition(":")
    lines[number] = f"{key}{colon} {value}"
    return bytearray("\n".join(lines).encode(errors="surrogateescape"))


def move_line(content: bytearray, rng: random.Random) -> bytearray:
    """Move a line of text, with another indentation."""
    lines = content.decode(errors="surrogateescape").split("\n")
    line = lines.pop(rng.randrange(len(lines)))
    lines.insert(rng.randint(0, len(lines)), " " * rng.randrange(5) + line.strip())
    return bytearray("\n".join(lines).encode(errors="surrogateescape"))


def change_header(content: bytearray, rng: random.Random) -> bytearray:
    """Change the header of a safetensors file, or the card in it, and state its new length."""
    try:
        (length,) = struct.unpack_from("<Q", content)
        header = json.loads(content[8 : 8 + length])
        value: Any = rng.choice((None, -1, 0, 1e38, 10**400, "x", [], {}, [1], True, float("nan"), "\ud800", "F8_E4M3"))
        name = rng.choice(list(header))
        if name == "__metadata__" or rng.random() < 0.6:
            key, text = next(iter(header["__metadata__"].items()))
            card = json.loads(text)
            card[rng.choice([*card, "unknown"])] = value
            header["__metadata__"][key] = rng.choice(
                (json.dumps(card), json.dumps(card), "[" * 5000, "{", json.dumps(value))
            )
        else:
            field = rng.choice(("dtype", "shape", "data_offsets"))
            header[name][field] = rng.choice((value, [0, 0], [10**6, 10**6], [-1, 4], "I8", "F64"))
        text = json.dumps(header).encode()
        return bytearray(struct.pack("<Q", len(text)) + text + bytes(content[8 + length :]))
    except (ValueError, LookupError, TypeError, struct.error, AttributeError, StopIteration, RecursionError):
        return flip_bit_early(content, rng)


IN_BYTES: tuple[Mutate, ...] = (flip_bit, flip_bit_early, put_number, cut, remove, copy, insert)
IN_TIFF: tuple[Mutate, ...] = (*IN_BYTES, *(change_tag,) * 7)
IN_TEXT: tuple[Mutate, ...] = (
    *(flip_bit, cut, remove, copy, insert, move_line),
    *(replace_value, replace_value_plainly) * 6,
)
IN_TENSORS: tuple[Mutate, ...] = (*IN_BYTES, *(change_header,) * 8)
