"""Leaves processes behind that have left its session and its parent, and hold its pipes open."""

from __future__ import annotations

import os
import signal
import time

for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        print(f"daemon {os.getpid()}", flush=True)
        while True:
            time.sleep(60)
time.sleep(0.5)
