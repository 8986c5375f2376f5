"""The real shells in a simulated world: one seed, one history, every invariant checked at every event."""
