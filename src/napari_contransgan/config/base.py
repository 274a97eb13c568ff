"""The base of all settings: validated, frozen, with a YAML round trip."""

from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from napari_contransgan.errors import InputError


class Settings(BaseModel):
    """Base of all settings: frozen, strict about unknown keys, versioned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1

    def to_yaml(self) -> str:
        """Write the settings as YAML text."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)

    @classmethod
    def from_yaml(cls, path: Path) -> Self:
        """Read settings from a YAML file.

        Raises
        ------
        InputError
            If the file cannot be read or holds what these settings do not allow.
        """
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InputError(f"cannot be read as YAML settings ({str(error).splitlines()[0]})", source=path) from error
        if not isinstance(values, dict):
            raise InputError("holds no settings; write one 'name: value' a line", source=path)
        return cls.checked(values, source=str(path))

    @classmethod
    def checked(cls, values: dict[str, Any], source: str = "settings") -> Self:
        """Build the settings, turning a validation error into one line that a user can act on.

        Raises
        ------
        InputError
            Naming the first value that is not allowed.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "values"
            raise InputError(f"{where}: {reason_of(first)}", source=source) from error


def reason_of(error: ErrorDetails) -> str:
    """Return what a validation error says, without pydantic's words in front of our own."""
    return str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"]
