"""Small competitions with quirks drawn by chance, and what a brief must say of each."""
