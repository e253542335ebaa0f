"""The view of a downloaded result."""
