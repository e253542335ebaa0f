"""Polling of the server: intervals, choice of commands, and pending requests."""
