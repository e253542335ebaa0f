"""Harm operations on a real federation, and count what went wrong. The exit code is 1 if anything did."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from fragile import Fragile

from .report import count_injected, format_holdings, format_operations, format_table, list_problems
from .run import LANES, PHASE_S, Outcome, Plan, run
from .soak import soak
from .trials import Trial

SCHEMES = ("http", "tcp", "grpc")


def main() -> None:
    """Read the options, run, print."""
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="seconds in all (default 600)")
    parser.add_argument("--scheme", choices=SCHEMES, action="append", help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, help="a number that decides on what is random (default: the time)")
    parser.add_argument("--faults", type=int, help="stop after so many")
    parser.add_argument("--lanes", type=int, default=LANES, help=f"clients at once (default {LANES})")
    parser.add_argument("--phase", type=float, default=PHASE_S, help="seconds between two faults of the server")
    parser.add_argument("--soak", type=float, help="instead, watch jobs for so many seconds and cut all connections")
    parser.add_argument("--out", type=Path, help="write each trial to this file, a line of JSON each")
    options = parser.parse_args()
    seed = int(time.time()) if options.seed is None else options.seed
    schemes = options.scheme or SCHEMES
    print(f"seed {seed}", file=sys.stderr)
    if options.soak is not None:
        with _federation(schemes[0]) as (fragile, folder):
            text, problems = soak(fragile, folder, options.soak)
    else:
        file = options.out or Path(os.devnull)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w") as log:
            outcomes = _run_all(schemes, options, seed, log)
        problems = list_problems(outcomes)
        text = "\n\n".join(
            [format_table(outcomes), format_operations(outcomes), format_holdings(outcomes), _sum_up(outcomes)]
        )
    print(text)
    for problem in problems:
        print(f"\n{problem}")
    raise SystemExit(1 if problems else 0)


def _run_all(schemes: Sequence[str], options: argparse.Namespace, seed: int, log: TextIO) -> list[Outcome]:
    def tell(trial: Trial) -> None:
        log.write(json.dumps(dataclasses.asdict(trial), default=str) + "\n")
        log.flush()

    outcomes = []
    end = time.monotonic() + options.seconds
    for number, scheme in enumerate(schemes):
        scheme_end = time.monotonic() + (end - time.monotonic()) / (len(schemes) - number)
        faults = None if options.faults is None else -(-options.faults // len(schemes))
        with _federation(scheme) as (fragile, folder):
            plan = Plan(scheme_end - time.monotonic(), seed, faults, options.lanes, options.phase)
            outcomes.append(run(fragile, scheme, plan, folder, tell))
        print(f"{scheme}: {outcomes[-1].count_injected()} faults", file=sys.stderr)
    return outcomes


@contextlib.contextmanager
def _federation(scheme: str) -> Iterator[tuple[Fragile, Path]]:
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "server").mkdir()
        (folder / "clients").mkdir()
        fragile = Fragile(folder / "server", scheme)
        try:
            yield fragile, folder / "clients"
        finally:
            fragile.stop()


def _sum_up(outcomes: Sequence[Outcome]) -> str:
    return f"{count_injected(outcomes)} faults, {sum(len(outcome.trials) for outcome in outcomes)} operations"


if __name__ == "__main__":
    main()
