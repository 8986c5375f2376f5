"""Stage 2: how it is to be solved."""
