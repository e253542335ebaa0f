"""The numbers of a run as a table, and its places in the documentation."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from statistics import median
from typing import NamedTuple

Number = float | str  # in words: what came instead of one
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"


class Row(NamedTuple):
    """A measure: its title, and how many digits it has after the point."""

    title: str
    digits: int = 1


ROWS = {
    "import": Row("import, ms"),
    "load_ext": Row("%load_ext flare_widgets, in a kernel, ms"),
    "connect_first": Row("first connect and login, ms"),
    "ready": Row("import and first connect, ms"),
    "connect_next": Row("next connect and login, ms"),
    "script": Row("script: start, connect, list, close, exit, ms", 0),
    "list_jobs": Row("list_jobs, 10 stored jobs, p50, ms"),
    "list_1000": Row("list_jobs, 1,000 stored jobs, p50, ms"),
    "list_1000_cpu": Row("1,000 stored jobs, the client's own CPU, ms"),
    "list_1000_server": Row("1,000 stored jobs, the server's CPU, ms"),
    "list_10000": Row("list_jobs, 10,000 stored jobs, p50, ms", 0),
    "list_10000_patiently": Row("the same after set_timeout(60), p50, ms", 0),
    "list_10000_cpu": Row("10,000 stored jobs, the client's own CPU, ms"),
    "list_10000_server": Row("10,000 stored jobs, the server's CPU, ms", 0),
    "get_job_meta": Row("get_job_meta, p50, ms"),
    "at_once": Row("get_job_meta, 64 at once, until the last, ms"),
    "at_once_cpu": Row("64 at once, the client's own CPU, ms"),
    "at_once_server": Row("64 at once, the server's CPU, ms"),
    "submit_1": Row("submit 1 MB, ms"),
    "submit_1_peak": Row("submit 1 MB, peak memory, MB"),
    "submit_100": Row("submit 100 MB, ms", 0),
    "submit_100_peak": Row("submit 100 MB, peak memory, MB"),
    "submit_100_cpu": Row("submit 100 MB, the client's own CPU, ms", 0),
    "submit_100_server": Row("submit 100 MB, the server's CPU, ms", 0),
    "download_1": Row("download 1 MB, ms"),
    "download_1_peak": Row("download 1 MB, peak memory, MB"),
    "download_100": Row("download 100 MB, ms", 0),
    "download_100_peak": Row("download 100 MB, peak memory, MB"),
    "download_100_cpu": Row("download 100 MB, the client's own CPU, ms", 0),
    "download_100_server": Row("download 100 MB, the server's CPU, ms", 0),
    "close": Row("close after 100 commands, ms"),
    "threads_connected": Row("threads, connected", 0),
    "threads_commands": Row("threads after 100 commands", 0),
    "threads_closed": Row("threads 1 s after close", 0),
    "memory": Row("memory after 100 commands, MB"),
    "modules": Row("modules loaded", 0),
    "packages": Row("packages loaded, beside Python's own", 0),
}

#: The rows that the README has: what a script waits for, what a program is left with, what a big job takes.
HEADLINES = ("script", "threads_commands", "submit_100_peak")


class Results(NamedTuple):
    """The numbers of a run.

    Attributes
    ----------
    ours, theirs
        By the keys of :data:`ROWS`, the numbers of all rounds.
    version
        Of nvflare.
    about
        The machine and the method, in sentences.
    """

    ours: dict[str, list[Number]]
    theirs: dict[str, list[Number]]
    version: str
    about: str


def table(results: Results, *, markdown: bool, only: Collection[str] = tuple(ROWS)) -> str:
    """Return what was measured as a table.

    Parameters
    ----------
    results
        What was measured; it may be a part of the rows.
    markdown
        For GitHub instead of a terminal.
    only
        The keys of the rows to have.
    """
    ours, theirs = results.ours, results.theirs
    lines = [["measure", "flare-widgets", f"nvflare {results.version}", "ratio"]]
    for key, row in ROWS.items():
        if key in ours and key in only:
            lines.append([row.title, *(_cell(row, n[key]) for n in (ours, theirs)), _ratio(ours[key], theirs[key])])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * widths[0], *("-" * (width - 1) + (":" if markdown else "-") for width in widths[1:])])
    padded = [[line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" if markdown else "  ".join(line) for line in padded)


def write(results: Results, root: Path) -> None:
    """Write all rows into the page about performance, and the few that matter most into the README.

    Parameters
    ----------
    results
        What was measured, all rows.
    root
        The folder of the repository.
    """
    _put_into(root / "docs" / "performance.md", f"{table(results, markdown=True)}\n\n{results.about}")
    _put_into(root / "README.md", table(results, markdown=True, only=HEADLINES))


def _put_into(file: Path, text: str) -> None:
    """Replace what stands between the markers of a file."""
    before, begin, rest = file.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{file.name} has no {BEGIN} ... {END}")
    file.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def _cell(row: Row, samples: list[Number]) -> str:
    """Return the median as text, with the least and the most when they are more than a factor of 2 apart."""
    failed = [sample for sample in samples if isinstance(sample, str)]
    if failed:
        return failed[0] if len(failed) == len(samples) else f"{failed[0]} ({len(failed)} of {len(samples)} times)"
    numbers = [sample for sample in samples if not isinstance(sample, str)]
    text = f"{median(numbers):,.{row.digits}f}"
    if max(numbers) > 2 * min(numbers):
        text += f" ({min(numbers):,.{row.digits}f} to {max(numbers):,.{row.digits}f})"
    return text


def _ratio(ours: list[Number], theirs: list[Number]) -> str:
    if any(isinstance(sample, str) for sample in [*ours, *theirs]):
        return "-"
    mine, other = (median(map(float, samples)) for samples in (ours, theirs))
    return f"{other / mine:.1f}" if mine else "-"
