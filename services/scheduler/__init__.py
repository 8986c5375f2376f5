"""Who runs next, who tries again, who is over."""
