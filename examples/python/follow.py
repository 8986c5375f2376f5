"""Follow the events of all jobs over NATS, and go on after the last one that was seen.

pip install nats-py
python follow.py [FILE]        NATS_URL says where NATS is; FILE keeps the last sequence
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import nats
from nats.js.api import ConsumerConfig, DeliverPolicy


async def follow(server: str, file: Path) -> None:
    """Print a line for each event, for ever."""
    seen = int(file.read_text()) if file.exists() else 0
    connection = await nats.connect(server, max_reconnect_attempts=-1)
    # An ordered consumer notices a gap by itself, and begins again where it was.
    begin = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=seen + 1)
    events = await connection.jetstream().subscribe(
        "jobs.>", stream="JOBS", ordered_consumer=True, config=begin
    )
    async for message in events.messages:
        event = json.loads(message.data)
        sequence = message.metadata.sequence.stream
        print(sequence, event["type"], event["job_id"], flush=True)
        # Last, so that an event is rather told twice than never.
        file.write_text(str(sequence))


if __name__ == "__main__":
    asyncio.run(
        follow(
            os.environ.get("NATS_URL", "nats://127.0.0.1:4222"),
            Path(sys.argv[1] if len(sys.argv) > 1 else "last-sequence"),
        )
    )
