"""Chaos: the real processes, killed and paused at random while they work, and a judge of what they did."""
