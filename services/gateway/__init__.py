"""The gateway: HTTP in front of the log.  It writes two events and reads everything else."""
