"""The HTTP handlers, one module for each thing that is asked for."""
