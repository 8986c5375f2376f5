"""Runs attempts: claims one, gives it a sandbox, turns what it says into events, keeps what it leaves."""
