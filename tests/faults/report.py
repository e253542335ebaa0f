"""The figures of a run, as a table. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from .judge import VERDICTS
from .run import Outcome
from .server_faults import SERVER_FAULTS
from .trials import Trial

_COLUMNS = ("fault", "injected", "during the operation", *VERDICTS, "usable after: median / max, s", "operation, s")


def format_table(outcomes: Sequence[Outcome]) -> str:
    """Return the figures by fault as a Markdown table."""
    trials = [trial for outcome in outcomes for trial in outcome.trials if trial.is_injected]
    names = sorted({trial.fault for trial in trials}, key=[*dict.fromkeys(t.fault for t in trials)].index)
    names.sort(key=lambda name: name in SERVER_FAULTS)
    rows = [_row(name, [t for t in trials if t.fault == name], outcomes) for name in names]
    total = ["**sum**", str(count_injected(outcomes)), str(sum(t.was_during for t in trials))]
    total += [str(count_verdict(verdict, trials)) for verdict in VERDICTS]
    rows.append([*total, _spread([t.usable_after for t in trials]), _spread([t.answer.seconds for t in trials])])
    return "\n".join("| " + " | ".join(row) + " |" for row in ([*_COLUMNS], ["---"] * len(_COLUMNS), *rows))


def _row(fault: str, trials: list[Trial], outcomes: Sequence[Outcome]) -> list[str]:
    injected = sum(o.server_faults.get(fault, 0) for o in outcomes) if fault in SERVER_FAULTS else len(trials)
    during = [trial for trial in trials if trial.was_during]
    cells = [fault, str(injected), str(len(during)), *(str(count_verdict(verdict, trials)) for verdict in VERDICTS)]
    return [*cells, _spread([t.usable_after for t in trials]), _spread([t.answer.seconds for t in during])]


def _spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{median(known):.2f} / {max(known):.1f}" if known else "-"


def count_injected(outcomes: Sequence[Outcome]) -> int:
    """Return the number of faults."""
    return sum(outcome.count_injected() for outcome in outcomes)


def count_verdict(verdict: str, trials: Sequence[Trial]) -> int:
    """Return how many trials ended with a verdict."""
    return sum(verdict in trial.problems for trial in trials)


def list_problems(outcomes: Sequence[Outcome]) -> list[str]:
    """Return each thing that went wrong, in words; none if all is well."""
    found = []
    for outcome in outcomes:
        for trial in outcome.trials:
            where = f"{trial.scheme}, lane {trial.lane}: {trial.operation} and {trial.fault or 'no fault'}"
            found += [f"{where}: {verdict}: {evidence}" for verdict, evidence in trial.problems.items()]
        found += outcome.at_the_end
    return found


def format_operations(outcomes: Sequence[Outcome]) -> str:
    """Return what the operations came to, by name."""
    trials = [trial for outcome in outcomes for trial in outcome.trials if trial.was_during]
    lines = []
    for name in sorted({trial.operation for trial in trials}):
        own = [trial.answer.outcome for trial in trials if trial.operation == name]
        counts = ", ".join(f"{own.count(outcome)} {outcome}" for outcome in sorted({*own}) if outcome)
        lines.append(f"* {name}: {counts}")
    return "\n".join(lines)


def format_holdings(outcomes: Sequence[Outcome]) -> str:
    """Return what the clients held before and after, at most."""
    pairs = [pair for outcome in outcomes for pair in outcome.holdings]
    parts = []
    for name, unit in (("threads", ""), ("descriptors", ""), ("memory", " MB"), ("temporary", "")):
        before, after = (max((pair[at][name] for pair in pairs), default=0) for at in (0, 1))
        parts.append(f"{'temporary folders' if name == 'temporary' else name} {before} -> {after}{unit}")
    return "clients, at most, before and after: " + ", ".join(parts)
