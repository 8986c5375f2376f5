"""Scripts that try to break out of where a solution runs, and say what `BROKE` and what `HELD`."""
