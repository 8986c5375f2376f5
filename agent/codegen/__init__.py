"""Stage 3: the plan as a solution.py."""
