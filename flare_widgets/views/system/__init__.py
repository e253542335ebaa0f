"""The view of the server and its sites."""
