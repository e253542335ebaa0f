"""Hostile inputs by kind, and what each of them did: ``make hostile``."""
