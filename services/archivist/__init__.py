"""What an operator does with the log as a whole: keep a copy, put it back, and take old jobs out of it."""
