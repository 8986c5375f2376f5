"""Solutions that a language model writes: drafted, repaired and improved as a tree, judged by Podium."""
