"""Runs in the place of a script's first breath: takes away what it has no use for, then becomes it.

Standard library only, and run by its path: `python confine.py ORDERS script.py ARGUMENTS`, with the orders
as JSON: `report` (a file descriptor), `readable` and `writable` (paths), `filter` (the seccomp filter in
hex, "" for none), `limits` (resource names and their values), `namespaces` (the agent's, by their names).

It works as an ordinary user without any capability, inside a container too: none of it needs more than
what a process may do to itself.  Which of it the kernel granted is written to `report` as words:
`no-network` (no call that makes or uses a socket), `files` (nothing but the named paths can be opened,
and other processes cannot be looked into), `signals` (none to a process outside), `own-net`, `own-pid`
and so on (a namespace that is not the agent's).

Sources: landlock(7); seccomp(2); prctl(2); proc(5), oom_score_adj.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import struct
import sys

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP = 22
_PR_CAPBSET_DROP = 24
_SECCOMP_MODE_FILTER = 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITIES = 64
_SIGKILL = 9

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_READ = 0b1101  # execute, read files, read folders
_ON_FILES = 0b1100000000000111  # execute, write, read, truncate, ioctl
_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many of the rights over files a version of Landlock knows."""
_TCP = 0b11
_SCOPES = 0b11  # abstract sockets, signals


def _restrict_files(libc: ctypes.CDLL, readable: list[str], writable: list[str]) -> int:
    """Let only these paths be opened; the version of Landlock, 0 where the kernel has none."""
    version: int = libc.syscall(_LANDLOCK_CREATE, None, 0, _VERSION_FLAG)
    if version < 1:
        return 0
    rights = (1 << _RIGHTS[min(version, 5)]) - 1
    attributes = struct.pack("=QQQ", rights, _TCP, _SCOPES)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset: int = libc.syscall(_LANDLOCK_CREATE, attributes, size, 0)
    if ruleset < 0:
        return 0
    for paths, allowed in ((readable, _READ), (writable, rights)):
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                there = os.open(path, os.O_PATH | os.O_CLOEXEC)
                on_this = allowed & rights if os.path.isdir(path) else allowed & rights & _ON_FILES  # noqa: PTH112
                rule = struct.pack("=Qi", on_this, there)
                if libc.syscall(_LANDLOCK_ADD, ruleset, _PATH_BENEATH, rule, 0) != 0:
                    return 0
                os.close(there)
    held: bool = libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) == 0
    os.close(ruleset)
    return version if held else 0


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _restrict_calls(libc: ctypes.CDLL, instructions: bytes) -> bool:
    """Install the filter; whether the kernel took it."""
    program = _Program(len(instructions) // 8, instructions)
    return bool(
        instructions and libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0
    )


def _lower(limits: dict[str, int]) -> None:
    for name, most in limits.items():
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        low = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (low, low))


def _differs(kind: str, link: str) -> bool:
    return os.readlink(f"/proc/self/ns/{kind}") != link  # noqa: PTH115 - without pathlib it starts faster


def main() -> None:
    """Confine this process and replace it by the script."""
    orders, script = json.loads(sys.argv[1]), sys.argv[2:]
    granted = []
    _lower(orders["limits"])
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        # An agent that is killed outright must not leave its script running.
        libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        # Where memory runs out it is the script that goes, and the agent that tells of it.
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write("1000")
        # Root's files stay writable to a script of root's agent; nothing else of root's power does.
        for capability in range(_CAPABILITIES):
            if capability != _CAP_DAC_OVERRIDE:
                libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
        version = _restrict_files(libc, orders["readable"], orders["writable"])
        granted += ["files"] if version else []
        granted += ["signals"] if version >= 6 else []
        granted += [f"own-{kind}" for kind, link in orders["namespaces"].items() if _differs(kind, link)]
        granted += ["no-network"] if _restrict_calls(libc, bytes.fromhex(orders["filter"])) else []
    os.write(orders["report"], " ".join(granted).encode())
    os.close(orders["report"])
    os.execv(sys.executable, [sys.executable, *script])  # noqa: S606 - this is the whole point


if __name__ == "__main__":
    main()
