"""Where a competition's files come from: Kaggle, or an archive."""
