"""Runs in the place of a script's first breath: takes away what it has no use for, then becomes it.

Standard library only, and run by its path: `python confine.py FD script.py ARGUMENTS`.  The script gets no
network where the kernel lets an ordinary user give it up (a network namespace of its own, without
interfaces).  Where it runs as root it loses all of root's capabilities but that to write where the agent
may, so that it can read no other process.  It leaves no core dumps, and wins no rights by running a
set-user-id program.  What became of the network is written to the file descriptor FD as one word:
`network` or `no-network`.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE = 1
_CAPABILITIES = 64
_SIGKILL = 9


def _without_network(libc: ctypes.CDLL) -> bool:
    """Give the network up: as root at once, else by way of a user namespace."""
    return any(libc.unshare(flags) == 0 for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET))


def main() -> None:
    """Confine this process and replace it by the script."""
    report, script = int(sys.argv[1]), sys.argv[2:]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    cut_off = False
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        # An agent that is killed outright must not leave its script running.
        libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        cut_off = _without_network(libc)
        for capability in range(_CAPABILITIES):
            if capability != _CAP_DAC_OVERRIDE:
                libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.write(report, b"no-network" if cut_off else b"network")
    os.close(report)
    os.execv(sys.executable, [sys.executable, *script])  # noqa: S606 - this is the whole point


if __name__ == "__main__":
    main()
