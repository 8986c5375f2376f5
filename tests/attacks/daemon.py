"""Leaves processes behind that have left its session and its parent, and hold its pipes open."""

from __future__ import annotations

import os
import signal
import time

heard, said = os.pipe()
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        print(f"daemon {os.getpid()}", flush=True)
        os.write(said, b"x")
        while True:
            time.sleep(60)
for _ in range(3):
    os.read(heard, 1)
