"""The command line: `podium`."""
