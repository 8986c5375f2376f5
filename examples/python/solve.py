"""Have a competition solved, follow the job, and keep the submission.

python solve.py COMPETITION [FOLDER]    COMPETITION is its address; PODIUM_URL says where the gateway is,
                                        PODIUM_API_KEY is a key for it where it asks for one
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import podium


async def solve(competition: str, folder: Path) -> None:
    """Print what happens, then write submission.csv to the folder."""
    url = os.environ.get("PODIUM_URL", "http://127.0.0.1:8080")
    async with podium.Client(url, api_key=os.environ.get("PODIUM_API_KEY")) as client:
        # With a key, asking again after a lost answer makes no second job: client.run(…, key="order-4711").
        job_id = await client.run(competition, tags=["example"])
        async for record in client.events(job_id):
            print(record.sequence, type(record.event).__name__, flush=True)
        job = await client.ended(job_id)
        if job.status != "success":
            sys.exit(f"{job_id} is {job.status}: {job.error.message if job.error else 'cancelled'}")
        folder.joinpath("submission.csv").write_bytes(await client.download(job, "submission.csv"))
        print(f"{job.metric} {job.score}: {folder / 'submission.csv'}")


if __name__ == "__main__":
    try:
        asyncio.run(solve(sys.argv[1], Path(sys.argv[2] if len(sys.argv) > 2 else ".")))
    except podium.PodiumError as error:
        sys.exit(f"{error} {error.hint}")
