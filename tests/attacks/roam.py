"""Looks around and writes wherever it can: what namespaces leave open by themselves, as JSON."""
# ruff: noqa: PTH123, PTH208 - an attack takes the shortest way

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

written = []
mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
above = [str(path) for place in mounted for path in Path(place).parents]
for place in {*mounted, *above}:
    try:
        with open(f"{place}/left", "w") as file:
            file.write("x")
        written.append(place)
    except OSError:
        pass
reached = []
for family, address in (
    (socket.AF_INET, ("1.1.1.1", 53)),
    (socket.AF_INET6, ("2606:4700::1111", 53)),
    (socket.AF_UNIX, "\0podium-test"),
):
    with socket.socket(family, socket.SOCK_DGRAM) as end:
        if end.connect_ex(address) == 0:
            reached.append(str(address))
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(
    json.dumps(
        {
            "written": sorted(written),
            "reached": reached,
            "processes": len([name for name in os.listdir("/proc") if name.isdigit()]),
            "capabilities": sum(int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")),
            "user": os.getuid(),
            "host": os.uname().nodename,
        }
    )
)
