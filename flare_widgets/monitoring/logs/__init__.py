"""FLARE's logs: tailing, parsing into records, and filtering."""
