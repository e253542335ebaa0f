"""FLARE's logs: read as they grow, parsed into records, filtered for a reader."""
