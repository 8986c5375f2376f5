"""``python -m tests.fuzz --seconds 300``: ask the gateway what its schema allows, and what it does not."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from cli.embedded.postgres import Postgres
from tests.fuzz.schemathesis_run import fuzz
from tests.fuzz.world import world
from tests.servers import NatsServer


async def run(folder: Path, database_url: str, options: list[str]) -> int:
    nats_folder = folder / "nats"
    nats_folder.mkdir()
    nats = NatsServer(nats_folder)
    nats.start()
    try:
        async with world(nats, database_url) as there:
            code, printed = await fuzz(there, folder, *options)
    finally:
        nats.kill()
    print(printed)
    return code


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=300, help="how long (default: 300)")
    given, more = parser.parse_known_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with TemporaryDirectory(prefix="podium-fuzz-") as name:
        postgres = Postgres(Path(name) / "postgres")
        Path(name).chmod(0o755)
        try:
            url = postgres.start()
            code = asyncio.run(run(Path(name), url, [f"--max-time={given.seconds}", *more]))
        finally:
            postgres.stop(timeout_s=10)
    sys.exit(code)


if __name__ == "__main__":
    main()
