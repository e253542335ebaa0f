"""Measurements behind the speed claims in the README; run with ``make bench``."""
