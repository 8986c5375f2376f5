"""Typed reading of environment variables, with an error that names the variable and what it should be.

A variable that may hold a secret can be given as a file instead: ``KAGGLE_KEY_FILE`` names the file that
holds what ``KAGGLE_KEY`` would.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


SECRET: Final = frozenset(
    {
        "ANTHROPIC_API_KEY",
        "DATABASE_URL",
        "KAGGLE_KEY",
        "KAGGLE_USERNAME",
        "NATS_URL",
        "PODIUM_API_KEY",
        "REDIS_URL",
    }
)
"""What may come from a file."""


class SettingError(Exception):
    """A setting is missing or is not what it should be; the message is one line for an operator."""


class Environment:
    """A view of environment variables; an empty value counts as unset."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def text(self, name: str, default: str | None = None) -> str:
        """The value as it is; without a default the variable is required."""
        value = self._given(name) or default
        if value is None:
            raise SettingError(f"{name} is not set")
        return value

    def optional(self, name: str) -> str | None:
        """The value, or None where it is unset."""
        return self._given(name) or None

    def path(self, name: str) -> Path | None:
        """A path, made absolute, or None where it is unset."""
        value = self._given(name)
        return Path(value).expanduser().absolute() if value else None

    def _given(self, name: str) -> str:
        """The value of a variable, or of the file that stands for it; "" where there is neither.

        Raises:
            SettingError: there are both, or the file cannot be read.
        """
        value = self._variables.get(name, "").strip()
        file = self._variables.get(f"{name}_FILE", "").strip() if name in SECRET else ""
        if not file:
            return value
        if value:
            raise SettingError(f"{name} and {name}_FILE are both set: one is enough")
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise SettingError(f"{name}_FILE names {file}, which cannot be read: {why}") from None

    def integer(self, name: str, default: int, *, at_least: int = 0) -> int:
        """A whole number."""
        return int(self._number(name, str(default), at_least, whole=True))

    def number(self, name: str, default: float, *, at_least: float = 0) -> float:
        """A number."""
        return self._number(name, str(default), at_least, whole=False)

    def numbers(self, name: str, default: tuple[float, ...]) -> tuple[float, ...]:
        """Numbers from zero up, with commas between them."""
        parts = self.text(name, ",".join(str(value) for value in default)).split(",")
        return tuple(self._parse(name, part, 0, whole=False) for part in parts)

    def _number(self, name: str, default: str, at_least: float, *, whole: bool) -> float:
        return self._parse(name, self.text(name, default), at_least, whole=whole)

    def _parse(self, name: str, value: str, at_least: float, *, whole: bool) -> float:
        kind = "a whole number" if whole else "a number"
        try:
            parsed = int(value) if whole else float(value)
        except ValueError:
            raise SettingError(f"{name} should be {kind}, not {value!r}") from None
        if not at_least <= parsed < float("inf"):
            raise SettingError(f"{name} should be at least {at_least:g}, not {value}")
        return parsed
