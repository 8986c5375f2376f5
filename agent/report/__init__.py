"""What an attempt leaves for people and programs to read."""
