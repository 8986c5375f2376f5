"""The pieces of which `agent.codegen` makes a solution.py: plain functions, imported here only by tests."""
