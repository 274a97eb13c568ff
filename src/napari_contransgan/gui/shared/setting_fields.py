"""The form field of a setting, built from the setting itself: label, tooltip, limits, choices, what empty means."""

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from napari_contransgan.gui.shared.fields import Choice, Field, NumberLine, RangeLine, TextLine, Tick, WholeNumber

LARGEST = 10_000_000
"""Upper end of a whole number whose setting has none; a longer number would not be seen."""


def setting_field(model: type[BaseModel], name: str) -> Field:
    """Build the field of a setting by the type of its value.

    Parameters
    ----------
    model : type of BaseModel
        The settings class.
    name : str
        The setting. Its ``json_schema_extra`` may hold ``empty``, which says what an empty line means and stands for
        the default, and ``choices``, the text of each value.

    Returns
    -------
    Field
        A tick for bool, a choice for Literal, two lines for a range, a spin box for int, a line for text or a number.
    """
    info = model.model_fields[name]
    field = _empty_field(info, label_of(model, name))
    field.setValue(info.get_default(call_default_factory=True))
    return field


def label_of(model: type[BaseModel], name: str) -> str:
    """Return a setting's label, with its unit."""
    return model.model_fields[name].title or name.replace("_", " ")


def tooltip_of(model: type[BaseModel], name: str) -> str:
    """Return a setting's explanation."""
    return model.model_fields[name].description or ""


def _empty_field(info: FieldInfo, label: str) -> Field:
    (kind, *others) = _kinds(info.annotation)
    if kind is bool:
        return Tick(label)
    if get_origin(kind) is Literal and not others:
        texts = _extra(info).get("choices") or {value: value for value in get_args(kind)}
        return Choice((text, value) for value, text in texts.items())
    if get_origin(kind) is tuple:
        return RangeLine()
    if kind is str:
        return TextLine()
    empty = str(_extra(info).get("empty", ""))
    if kind is int and not others and not empty:
        limits = (_limit(info, "ge", 0), _limit(info, "le", LARGEST), _limit(info, "multiple_of", 1))
        return WholeNumber(*limits)
    return NumberLine(empty, info.default if empty else None)


def _kinds(annotation: Any) -> list[Any]:
    """Return the types that a value may have, without None."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [kind for one in get_args(annotation) for kind in _kinds(one) if kind is not NoneType]
    return [annotation]


def _extra(info: FieldInfo) -> dict[str, Any]:
    return info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}


def _limit(info: FieldInfo, key: str, otherwise: int) -> int:
    return next((int(getattr(one, key)) for one in info.metadata if hasattr(one, key)), otherwise)
