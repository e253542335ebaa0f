"""Text and tables prepared for display."""
