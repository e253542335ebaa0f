"""The view of one job."""
