"""When to ask the server, by which command, and the requests under way."""
