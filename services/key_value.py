"""Key-value buckets in NATS: how each of ours is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nats.js.api import KeyValueConfig, StorageType
from nats.js.errors import BucketNotFoundError

if TYPE_CHECKING:
    from nats.js import JetStreamContext


async def ensure_key_value(js: JetStreamContext, bucket: str, *, replicas: int) -> None:
    """Make a bucket where there is none: the newest value of each key, on disk.

    Values are read of its leader: a replica may lag, and would know nothing of what was just written.
    """
    try:
        await js.key_value(bucket)
    except BucketNotFoundError:
        await js.create_key_value(
            KeyValueConfig(bucket=bucket, history=1, storage=StorageType.FILE, replicas=replicas)
        )
