"""Stage 1: what a competition asks, read from its files."""
