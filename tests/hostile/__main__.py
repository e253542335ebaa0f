"""Give hostile inputs to whatever reads what strangers send, and count what they did. Exit code 1 if one did harm."""

from __future__ import annotations

import argparse
import time

from .run import attack, format_table


def main() -> None:
    """Read the options, attack, print."""
    parser = argparse.ArgumentParser(prog="python -m hostile", description=__doc__)
    parser.add_argument("--inputs", type=int, default=6000, help="number of inputs (default 6000)")
    parser.add_argument("--seed", type=int, help="a number that decides on them (default: the time)")
    options = parser.parse_args()
    seed = int(time.time()) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    outcomes = attack(options.inputs, seed)
    print(format_table(outcomes))
    for example in (example for outcome in outcomes for example in outcome.examples):
        print(f"\n{example}")
    raise SystemExit(any(not outcome.is_harmless for outcome in outcomes))


if __name__ == "__main__":
    main()
