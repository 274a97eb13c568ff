"""Build the form field of a setting from the setting itself: label, tooltip, limits, choices, meaning of empty."""

from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from napari_contransgan.config.base import reason_of
from napari_contransgan.errors import InputError
from napari_contransgan.gui.shared.fields import Choice, Field, NumberLine, RangeLine, TextLine, Tick, WholeNumber

M = TypeVar("M", bound=BaseModel)

LARGEST = 10_000_000
"""Upper limit of a whole number whose setting has none."""

_PLAIN = {
    "float_parsing": "type a number",
    "float_type": "type a number",
    "int_parsing": "type a whole number",
    "int_type": "type a whole number",
    "int_from_float": "type a whole number",
}


def setting_field(model: type[BaseModel], name: str) -> Field:
    """Build the field of a setting by the type of its value.

    Parameters
    ----------
    model : type of BaseModel
        The settings class.
    name : str
        The setting. Its ``json_schema_extra`` may hold ``empty``, the placeholder of an empty line, which means
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


def checked(model: type[M], values: dict[str, Any], source: str) -> M:
    """Build settings from the values of a form.

    Raises
    ------
    InputError
        Naming the label of the first value that is not allowed.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        names = [str(part) for part in first["loc"]]
        if names and names[0] in model.model_fields:
            names = [label_of(model, names[0])]
        raise InputError(": ".join([*names, in_plain_words(first)]), source=source) from error


def in_plain_words(error: Any) -> str:
    """Return what pydantic says about a value, in words for the user of a form."""
    return _PLAIN.get(error["type"], reason_of(error).replace("Input should be", "must be"))


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
