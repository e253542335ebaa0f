"""The view of a local federation's processes."""
