"""Job folders and results on their way to and from the server."""
