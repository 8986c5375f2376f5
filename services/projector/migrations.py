"""Bring a database's tables up to date: numbered SQL files, applied once each and never changed again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec
import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import asyncpg

    Connection: TypeAlias = asyncpg.Connection[Any]

FOLDER: Final = Path(__file__).resolve().parents[2] / "sql"

_LOCK: Final = 0x706F6469756D  # "podium": the same number for every process that migrates
_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        name       TEXT PRIMARY KEY,
        checksum   TEXT NOT NULL,
        applied_at TIMESTAMPTZ NOT NULL DEFAULT now()
    )
"""

_log = structlog.get_logger(__name__)


class MigrationError(Exception):
    """The database and the SQL files tell different histories; the message says where they part."""


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One file: its name without ``.sql``, its statements, and the SHA-256 of them in hex."""

    name: str
    statements: str
    checksum: str


def load(folder: Path) -> list[Migration]:
    """The migrations in a folder, by number; line endings do not count towards a checksum.

    Raises:
        MigrationError: there are none, or a file's name is not ``NNNN_words.sql`` with the next number.
    """
    found = []
    for number, path in enumerate(sorted(folder.glob("*.sql")), start=1):
        if not path.name.startswith(f"{number:04}_"):
            raise MigrationError(
                f"{path.name} should begin with {number:04}_: files are numbered without gaps"
            )
        statements = path.read_text(encoding="utf-8")
        checksum = hashlib.sha256(statements.encode()).hexdigest()
        found.append(Migration(name=path.stem, statements=statements, checksum=checksum))
    if not found:
        raise MigrationError(f"no migrations in {folder}")
    return found


def pending(migrations: Sequence[Migration], applied: Mapping[str, str]) -> list[Migration]:
    """Those still to apply, given the checksum of each that was, by name.

    Raises:
        MigrationError: an applied one has changed since, is unknown here, or comes after one to apply.
    """
    unknown = sorted(applied.keys() - {migration.name for migration in migrations})
    if unknown:
        raise MigrationError(
            f"the database has {unknown[-1]}, which this version does not know: it belongs to a newer one"
        )
    rest = [migration for migration in migrations if migration.name not in applied]
    for migration in migrations[: len(applied)]:
        if migration.name not in applied:
            raise MigrationError(f"{migration.name} was never applied, but a later one was")
        if applied[migration.name] != migration.checksum:
            raise MigrationError(
                f"{migration.name}.sql has changed since it was applied: put it back as it was,"
                " and make the change in a new file"
            )
    return rest


async def migrate(connection: Connection, folder: Path = FOLDER) -> None:
    """Apply what is pending, all or nothing; a second process that tries at the same time waits.

    Raises:
        MigrationError: see `load` and `pending`.
        asyncpg.PostgresError: a statement failed; nothing was applied.
    """
    migrations = load(folder)
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await connection.execute(_TABLE)
        applied = await connection.fetch("SELECT name, checksum FROM schema_migrations")
        for migration in pending(migrations, {row["name"]: row["checksum"] for row in applied}):
            await connection.execute(migration.statements)
            await connection.execute(
                "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)",
                migration.name,
                migration.checksum,
            )
            _log.info("migration_applied", migration=migration.name)
