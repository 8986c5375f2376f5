"""What happened to a job: the events, their subjects, their fold, and the log that holds them."""
