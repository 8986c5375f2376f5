"""How far a run has come, and how much time its next step may take."""

import time
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Pace:
    """Says how far the run has come, at most once a second, and shares out the time that is left."""

    end: float  # time.monotonic() when the last model must be done
    whole: float  # seconds from the start to that end
    fits: int = 1  # models to fit
    done: int = 0
    said: float = field(default=0.0)

    def say(self, fraction: float, message: str) -> None:
        """One line for a person: `[ 35%] fold 2/5, LightGBM: ...`."""
        print(f"[{fraction:4.0%}] {message}", flush=True)  # noqa: T201 - how a script talks
        self.said = time.monotonic()

    def fitting(self, message: str, part: float = 0.0) -> None:
        """A line about the model being fitted, left out where the last was less than a second ago."""
        if time.monotonic() - self.said > 1.0 or part == 0.0:
            self.say(0.15 + 0.8 * min(1.0, (self.done + part) / self.fits), message)

    def now(self) -> float:
        """The clock that `end` is told by."""
        return time.monotonic()

    def left(self) -> float:
        """Seconds until the last model must be done."""
        return self.end - time.monotonic()

    def until(self, at_once: int) -> float:
        """When a model that starts now, one of `at_once`, must stop: an equal share of what is left."""
        now = time.monotonic()
        share = min(1.0, at_once / max(1, self.fits - self.done))
        return now + max(0.5, share * (self.end - now))
