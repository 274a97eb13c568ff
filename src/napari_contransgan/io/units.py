"""Convert lengths and times in files to micrometres and seconds."""

import math
from typing import Final

_UM_PER_UNIT: Final = {
    **dict.fromkeys(("µm", "μm", "um", "\\u00b5m", "micron", "microns"), 1.0),
    **dict.fromkeys(("micrometer", "micrometers", "micrometre", "micrometres"), 1.0),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), 1e-3),
    **dict.fromkeys(("å", "angstrom", "angstroms"), 1e-4),
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), 1e4),
    **dict.fromkeys(("inch", "inches", "in"), 25400.0),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1e6),
    "pm": 1e-6,
}
_S_PER_UNIT: Final = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("µs", "μs", "us", "\\u00b5s", "microsecond", "microseconds"), 1e-6),
    **dict.fromkeys(("ns", "nanosecond", "nanoseconds"), 1e-9),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
}


def number_in(value: object) -> float | None:
    """Return a text as a finite number, or None if it is not one."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def positive(value: float | None) -> float | None:
    """Return a value if it is above 0, otherwise None."""
    return value if value is not None and value > 0 else None


def in_um(value: float | None, unit: str | None) -> float | None:
    """Convert a length to micrometres; None if there is none, or if its unit is not a length."""
    return _converted(value, _UM_PER_UNIT.get((unit or "").strip().lower()))


def in_s(value: float | None, unit: str | None) -> float | None:
    """Convert a time to seconds; None if there is none, or if its unit is not a time."""
    return _converted(value, _S_PER_UNIT.get((unit or "").strip().lower()))


def listed_um(values_um: tuple[float, ...]) -> str:
    """Return lengths as text for users; long lists are shortened."""
    texts = [f"{value:.6g}" for value in values_um]
    if len(texts) > 7:
        texts = [*texts[:3], "...", *texts[-2:]]
    return f"{', '.join(texts)} µm"


def _converted(value: float | None, factor: float | None) -> float | None:
    if value is None or factor is None:
        return None
    converted = value if factor == 1 else float(f"{value * factor:.12g}")
    return converted if math.isfinite(converted) else None
