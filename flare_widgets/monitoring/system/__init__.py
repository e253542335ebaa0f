"""The server and its sites: the snapshot of their state, and the watch that callers hold."""
