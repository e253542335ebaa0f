"""The report on a startup kit."""
