"""The projector: folds the log into Postgres rows, which can be dropped and made again at any time."""
