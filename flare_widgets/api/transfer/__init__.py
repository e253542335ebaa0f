"""Transfer of job folders and results to and from the server."""
