"""The read side: folds the events into the read tables, answers look-ups, rebuilds and verifies."""
