"""What a script may read and write, and the command that gives it a file system of just that.  Pure.

The command is bubblewrap's.  It works without privileges where the kernel lets a user make namespaces; a
container's default filter does not, and there is none in the agent's image.

Source: bwrap(1); user_namespaces(7).
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_SYSTEM: Final = (
    *("/usr", "/lib", "/lib64", "/bin", "/opt/venv", "/sys/devices/system", "/sys/fs/cgroup"),
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/passwd", "/etc/nsswitch.conf", "/etc/alternatives"),
)
"""What a script may read beside its data: programs, libraries, what the machine is like."""

_KERNELS: Final = ("/proc", "/dev/urandom", "/dev/random", "/dev/zero")
_SHM: Final = "/dev/shm"  # noqa: S108 Python's locks between processes live there
_SHM_BYTES: Final = 256 * 1024**2
_NOBODY: Final = "65534"
_SIGNALLED: Final = 128


def readable_places(environment: Mapping[str, str], more: Iterable[str]) -> set[str]:
    """Paths that a script with this environment may read: `more`, and what its interpreter needs."""
    libraries = filter(None, environment.get("LD_LIBRARY_PATH", "").split(os.pathsep))
    return {*_SYSTEM, *_KERNELS, sys.prefix, sys.base_prefix, *libraries, *more}


def writable_places(folder: str, *, own_memory: bool) -> list[str]:
    """Paths that a script may write: its folder, and /dev/shm where nobody but its attempt has that one."""
    return [folder, "/dev/null", *([_SHM] if own_memory else [])]


def walled(bwrap: Path, *, folder: str, readable: Iterable[str]) -> list[str]:
    """What to put before a command so that it runs in namespaces of its own.

    It has no network, no capability, is nobody and the only user, sees only itself and what it starts,
    writes in `folder` and in a /dev/shm of its own, and finds nothing else but the `readable` paths, each
    where it was.  All of it ends with bubblewrap, and bubblewrap with whoever started it.
    """
    mounts = {path: ["--ro-bind-try", path, path] for path in readable if path not in _KERNELS}
    mounts |= {
        "/proc": ["--proc", "/proc"],
        "/dev": ["--dev", "/dev"],
        _SHM: ["--size", str(_SHM_BYTES), "--tmpfs", _SHM],
        folder: ["--bind", folder, folder],
    }
    return [
        str(bwrap),
        *("--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
        *("--unshare-cgroup-try", "--die-with-parent", "--hostname", "podium", "--cap-drop", "ALL"),
        *("--uid", _NOBODY, "--gid", _NOBODY),
        # What holds a place comes before what lies in it.
        *(argument for path in sorted(mounts) for argument in mounts[path]),
        # What bubblewrap made to mount them in is memory: nobody is to write there.
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", folder, "--"),
    ]


def script_s_code(code: int) -> int:
    """The exit code of a command from that of bubblewrap, which gives 128 + N for signal N."""
    return _SIGNALLED - code if code > _SIGNALLED else code
