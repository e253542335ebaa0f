"""Job list of a study: the snapshot of the list, and the watch that callers hold."""
