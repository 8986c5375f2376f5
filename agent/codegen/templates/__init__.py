"""The pieces of which `agent.codegen.solution` makes a solution.py: plain functions."""
