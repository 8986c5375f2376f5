"""Servers that speak the protocols of the outside world, for tests: real clients, local truth."""
