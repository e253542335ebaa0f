"""What the speed claims in the README come from; run with ``make bench``."""
