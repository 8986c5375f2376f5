"""The migration runner on a real Postgres."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from services.projector.migrations import FOLDER, MigrationError, load, migrate

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
async def connections(database_url: str):
    pair = [await asyncpg.connect(database_url) for _ in range(2)]
    yield pair
    for connection in pair:
        await connection.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (n INT);\nINSERT INTO one VALUES (1);\n")
    (tmp_path / "0002_two.sql").write_text("INSERT INTO one VALUES (2);\n")
    return tmp_path


async def test_ours_make_the_tables_and_say_so_once(connections) -> None:
    await migrate(connections[0])
    await migrate(connections[0])
    names = await connections[0].fetch("SELECT name FROM schema_migrations ORDER BY name")
    assert [row["name"] for row in names] == [migration.name for migration in load(FOLDER)]
    assert await connections[0].fetchval("SELECT count(*) FROM jobs") == 0


async def test_two_at_once_apply_each_file_once(connections, folder: Path) -> None:
    await asyncio.gather(*(migrate(connection, folder) for connection in connections))
    assert [row["n"] for row in await connections[0].fetch("SELECT n FROM one ORDER BY n")] == [1, 2]


async def test_only_what_is_new_is_applied(connections, folder: Path) -> None:
    await migrate(connections[0], folder)
    (folder / "0003_three.sql").write_text("INSERT INTO one VALUES (3);\n")
    await migrate(connections[0], folder)
    assert [row["n"] for row in await connections[0].fetch("SELECT n FROM one ORDER BY n")] == [1, 2, 3]


async def test_a_changed_old_file_is_refused_by_name(connections, folder: Path) -> None:
    await migrate(connections[0], folder)
    (folder / "0001_one.sql").write_text("CREATE TABLE one (n BIGINT);\n")
    with pytest.raises(MigrationError, match=r"0001_one\.sql has changed since it was applied"):
        await migrate(connections[0], folder)


async def test_line_endings_are_no_change(connections, folder: Path) -> None:
    await migrate(connections[0], folder)
    path = folder / "0001_one.sql"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    await migrate(connections[0], folder)


async def test_a_newer_database_is_refused(connections, folder: Path) -> None:
    await migrate(connections[0], folder)
    (folder / "0002_two.sql").unlink()
    with pytest.raises(MigrationError, match="0002_two, which this version does not know"):
        await migrate(connections[0], folder)


async def test_a_failing_file_leaves_nothing_behind(connections, folder: Path) -> None:
    (folder / "0003_wrong.sql").write_text("INSERT INTO one VALUES (3);\nSELECT 1/0;\n")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(connections[0], folder)
    assert await connections[0].fetchval("SELECT to_regclass('one')") is None


def test_a_gap_in_the_numbers_is_refused(folder: Path) -> None:
    (folder / "0004_four.sql").write_text("SELECT 1;\n")
    with pytest.raises(MigrationError, match=r"0004_four\.sql should begin with 0003_"):
        load(folder)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="no migrations"):
        load(tmp_path)
