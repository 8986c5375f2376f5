"""The same service as people usually build it; runs in an environment of its own."""
