"""Stage 4: the solution is run, and what it leaves is judged."""
