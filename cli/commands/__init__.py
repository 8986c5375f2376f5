"""The commands of `podium`, one module for each group of them."""
