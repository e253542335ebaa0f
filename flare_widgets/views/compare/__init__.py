"""The view of several jobs side by side."""
