"""One job: the snapshot of its state, the updates that change it, and the watch that callers hold."""
