"""Old events in today's shape: what became of each type's fields from one version to the next.

A new field with a default needs no version.  A field that was renamed, split, or means something else does:
raise the default of `version` in its class, add the step from the version before to `UPCASTERS`, and keep
a log recorded before the change under ``tests/data/logs``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

Fields: TypeAlias = dict[str, Any]
"""A payload as it was written: a JSON object."""

Upcasters: TypeAlias = Mapping[tuple[str, int], Callable[[Fields], Fields]]
"""For a type and a version, the step to the next version; a step sees to all fields but `version`."""

UPCASTERS: Final[Upcasters] = {}


class UpcastError(Exception):
    """There is no way from the version that was written to the one that is known."""


def upcast(fields: Fields, kind: str, *, known: int, upcasters: Upcasters) -> Fields:
    """The fields in the shape of version `known`, a step at a time; the ones given are left as they are.

    Raises:
        UpcastError: they are of a newer version, or of one that no step leads on from, or do not fit a step.
    """
    version = fields.get("version", 1)
    if type(version) is not int:
        raise UpcastError(f"the version of {kind} is {version!r}, which is no number")
    if version > known:
        raise UpcastError(f"version {version} of {kind} is newer than {known}, the newest that is known here")
    while version < known:
        step = upcasters.get((kind, version))
        if step is None:
            raise UpcastError(f"nothing is known of version {version} of {kind}")
        try:
            fields = {**step(dict(fields)), "version": version + 1}
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise UpcastError(f"version {version} of {kind} is not as it was: {error!r}") from error
        version += 1
    return fields
