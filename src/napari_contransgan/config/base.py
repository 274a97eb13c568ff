"""Base class of all settings: validated, frozen, readable from and writable to YAML."""

from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from napari_contransgan.errors import InputError
from napari_contransgan.plain_files import check_plain, plain_yaml, read_text


class Settings(BaseModel):
    """Base class of all settings: frozen and versioned; unknown keys are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

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
            If the file cannot be read, or a value in it is invalid.
        """
        try:
            values = plain_yaml(read_text(path))
        except InputError:
            raise
        except ValueError as error:
            reason = (str(error).splitlines() or ["not YAML"])[0]
            raise InputError(f"cannot be read as YAML settings ({reason})", source=path) from error
        if not isinstance(values, dict):
            raise InputError("contains no settings: write one 'name: value' per line", source=path)
        return cls.checked(values, source=str(path))

    @classmethod
    def checked(cls, values: dict[str, Any], source: str = "settings") -> Self:
        """Build the settings, and turn a validation error into one line that tells the user what to change.

        Raises
        ------
        InputError
            If a value is invalid; the message names the first one.
        """
        try:
            check_plain(values)
            return cls.model_validate(values)
        except (RecursionError, OverflowError) as error:
            raise InputError("values: are nested too deeply or too large", source=source) from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "values"
            raise InputError(f"{where}: {reason_of(first)}", source=source) from error
        except ValueError as error:
            raise InputError(f"values: {error}", source=source) from error


def reason_of(error: ErrorDetails) -> str:
    """Return the message of a validation error without pydantic's prefix."""
    return str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"]
