"""The views of sessions: a badge of one, and a switcher of all."""
