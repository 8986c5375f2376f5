"""Tells receivers by signed webhooks what happened to jobs: from the log, so that a crash loses none."""
