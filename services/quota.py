"""Whether a Docker host's kernel keeps a volume in its size: found out by asking for one with a size.

The Engine's own volume driver bounds one where its data root is on XFS mounted with ``pquota``, or on ext4
with the features ``project`` and ``quota`` mounted with ``prjquota``; elsewhere it refuses.
Source: https://github.com/moby/moby/blob/v20.10.24/quota/projectquota.go; both tried on 20.10.24.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiodocker.exceptions import DockerError
from aiodocker.volumes import DockerVolume

if TYPE_CHECKING:
    from aiodocker import Docker

PROBE: Final = {"Name": "podium-quota-probe", "DriverOpts": {"size": str(1024**2)}}
"""The volume that is asked for; it is nobody's, and gone a moment later."""
_NO_CONNECTION: Final = 900
"""The status that aiodocker gives where there was no answer at all."""


async def quota_problem(docker: Docker) -> str:
    """Why the Engine bounds no volume, in its own words; "" where it does.

    The volume that it made for the answer is removed, also one that an earlier question left.

    Raises:
        DockerError, aiohttp.ClientError, OSError: it did not answer.
    """
    try:
        await docker.volumes.create(PROBE)  # type: ignore[no-untyped-call] # the client's own
    except DockerError as error:
        if error.status == _NO_CONNECTION:
            raise
        return error.message
    volume = DockerVolume(docker, PROBE["Name"])  # type: ignore[no-untyped-call] # the client's own
    try:
        await volume.delete(force=True)  # type: ignore[no-untyped-call] # the client's own
    except DockerError as error:
        # Somebody else has asked, and removed it.
        if error.status != 404:
            raise
    return ""
