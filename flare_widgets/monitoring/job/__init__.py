"""Single-job monitoring: the snapshot of a job's state, the updates that change it, and the watch that callers hold."""
