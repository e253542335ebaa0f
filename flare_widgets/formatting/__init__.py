"""Text and tables, made fit to be shown to a person."""
