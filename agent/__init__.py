"""The agent: solves one competition in one process, and speaks only by `events.progress` lines."""
