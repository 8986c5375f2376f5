"""Never ends, and heeds no signal that can be ignored."""

from __future__ import annotations

import signal

for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
print("here to stay", flush=True)
while True:
    pass
