"""The view of all jobs of a study."""
