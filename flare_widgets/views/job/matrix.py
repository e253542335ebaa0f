"""The matrix of sites by rounds and steps in a job's view, and the present work of each site. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from ...formatting.live_text import COUNT, LiveText, live
from ...formatting.text import sanitize
from ...monitoring.job.format import site_text, waited_for_text
from ...monitoring.job.snapshot import JobSnapshot
from ...monitoring.job.state import Column, MatrixCell

MAX_COLUMNS = 24
"""The most rounds and steps in the matrix: the last ones."""

MAX_SITES = 40
"""The most sites in the matrix: those with problems first."""

CELL_CODES = {"submitted": "s", "working": "w", "late": "l", "failed": "f", "unfinished": "u", "waiting": "q"}
"""A letter for each state of a cell; a blank for a site that had nothing to do in that round."""

CELL_STATES = {
    "s": ("■", "submitted"),
    "w": ("◐", "working"),
    "l": ("!", "late"),
    "f": ("✕", "failed"),
    "u": ("□", "not finished"),
    "q": ("·", "waiting"),
    " ": ("", "none"),
}
"""The glyph and the label of each cell state."""

# Widths in characters. A round is as wide as three of them, whatever its number; a step as wide as its name.
_ROUND_WIDTH, _MAX_WIDTH = 3, 3 * MAX_COLUMNS
_NARROW_WIDTH, _MAX_NARROW_COLUMNS = 26, 4
_NAME_WIDTHS = (18, 12, 8)
_WORKFLOW_NAME_WIDTHS = (40, 20, 12)
_MAX_NAME_CHARS = 60  # characters
_URGENCY = ("failed", "silent", "late", "unfinished", "working", "self-directed", "waiting", "submitted")
_COUNTED_STATES = ("working", "late")


@dataclass(frozen=True)
class MatrixColumn:
    """The heading of a round or a step.

    Attributes
    ----------
    label
        The visible text: the round's number, the step's name (shortened), or its number if it is repeated.
    prefix
        The text before it for a screen reader: ``round ``, or the name of a repeated step.
    title
        The whole name.
    """

    label: str
    prefix: str
    title: str


@dataclass(frozen=True)
class MatrixWorkflow:
    """The heading of the columns of one workflow.

    Attributes
    ----------
    label
        Its position and its name, shortened.
    title
        The whole name.
    span
        The number of its columns.
    """

    label: str
    title: str
    span: int


@dataclass(frozen=True)
class MatrixRow:
    """A site in the matrix.

    Attributes
    ----------
    site
        Its name.
    cells
        A letter of `CELL_STATES` for each column shown.
    activity
        The site's current activity and its duration; empty if there is none.
    """

    site: str
    cells: str
    activity: LiveText


@dataclass(frozen=True)
class Matrix:
    """The matrix of sites by rounds and steps.

    Attributes
    ----------
    columns
        The rounds and steps shown, oldest first; none if the sites work on their own.
    workflows
        The workflows to which the columns belong; none if the job has only one.
    rows
        The sites shown.
    rest
        The columns and sites that are not shown, in words.
    narrow_count
        The number of columns for which a narrow output has room: the last ones.
    legend
        `CELL_STATES`.
    """

    columns: tuple[MatrixColumn, ...]
    workflows: tuple[MatrixWorkflow, ...]
    rows: tuple[MatrixRow, ...]
    rest: str = ""
    narrow_count: int = _MAX_NARROW_COLUMNS
    legend: dict[str, tuple[str, str]] = dataclasses.field(default_factory=lambda: CELL_STATES)

    @property
    def edges(self) -> frozenset[int]:
        """The columns with which a workflow begins, but for the first."""
        return frozenset(accumulate(workflow.span for workflow in self.workflows[:-1]))


def build_matrix(snapshot: JobSnapshot, as_of: float) -> Matrix | None:
    """Return the matrix of a job; None if neither a round nor a step has begun.

    If the sites work on their own, and no rounds are known, the matrix has no columns: its rows say so.
    """
    shown, columns = _select_columns(snapshot)
    states = snapshot.site_states(as_of)
    if not shown and (snapshot.ended or not any(_is_self_directed(snapshot, cell) for cell in states.values())):
        return None
    cells = snapshot.matrix(as_of, frozenset(shown))
    sites = sorted(cells)
    if len(sites) > MAX_SITES:
        sites = sorted(sorted(sites, key=lambda site: _urgency(states.get(site)))[:MAX_SITES])
    rows = []
    pending = snapshot.pending_sites(as_of)
    for site in sites:
        codes = "".join(CELL_CODES[cells[site][c].state] if c in cells[site] else " " for c in shown)
        activity = _build_activity(snapshot, site, states.get(site), pending)
        name = sanitize(site, _MAX_NAME_CHARS)
        rows.append(MatrixRow(name, codes, activity.frozen_at(as_of) if snapshot.trouble else activity))
    hidden = snapshot.columns[: len(snapshot.columns) - len(shown)]
    return Matrix(
        tuple(columns),
        _group_by_workflow(snapshot, shown, columns),
        tuple(rows),
        _describe_rest(hidden, len(cells) - len(rows)),
        _count_narrow_columns(columns),
    )


def _is_self_directed(snapshot: JobSnapshot, cell: MatrixCell) -> bool:
    return cell.state == "self-directed" or (cell.state == "done" and snapshot.current_workflow.is_self_directed)


def _urgency(cell: MatrixCell | None) -> int:
    return _URGENCY.index(cell.state) if cell is not None and cell.state in _URGENCY else len(_URGENCY)


# -- columns ---------------------------------------------------------------------------------------------------


def _select_columns(snapshot: JobSnapshot) -> tuple[list[Column], list[MatrixColumn]]:
    """Return the last columns that have room, and their headings, with names as long as there is room for."""
    shown = list(snapshot.columns[-MAX_COLUMNS:])
    for width in _NAME_WIDTHS:
        headings = list(_build_headings(snapshot, shown, width))
        if sum(map(_width, headings)) <= _MAX_WIDTH:
            return shown, headings
    while sum(map(_width, headings)) > _MAX_WIDTH and len(shown) > 1:
        shown = shown[1:]
        headings = list(_build_headings(snapshot, shown, width))
    return shown, headings


def _build_headings(snapshot: JobSnapshot, shown: Sequence[Column], name_width: int) -> Iterator[MatrixColumn]:
    before: Column | None = None
    for column in shown:
        if column.round is not None:
            nth = snapshot.nth_round(column.round, column.workflow)
            yield MatrixColumn(str(nth), "round ", f"round {nth}")
        else:
            name = sanitize(column.task, _MAX_NAME_CHARS)
            number = f" {column.nth + 1}" if column.nth else ""
            phrase = sanitize(snapshot.step_labels.get(column, ""), _MAX_NAME_CHARS)
            title = f"{name}{number}" + (f" ({phrase})" if phrase not in ("", name) else "")
            is_repeated = before is not None and (before.workflow, before.task) == (column.workflow, column.task)
            if is_repeated and number:
                yield MatrixColumn(number.strip(), f"{name} ", title)
            else:
                yield MatrixColumn(f"{sanitize(name, name_width)}{number}", "", title)
        before = column


def _width(heading: MatrixColumn) -> int:
    return _ROUND_WIDTH if heading.label.isdigit() else max(_ROUND_WIDTH, len(heading.label) + 2)


def _count_narrow_columns(columns: Sequence[MatrixColumn]) -> int:
    """Return the number of last columns that leave room for the sites and their work in a narrow output."""
    room = accumulate(map(_width, reversed(columns)))
    return max(1, min(_MAX_NARROW_COLUMNS, sum(width <= _NARROW_WIDTH for width in room)))


def _group_by_workflow(
    snapshot: JobSnapshot, shown: Sequence[Column], headings: Sequence[MatrixColumn]
) -> tuple[MatrixWorkflow, ...]:
    """Return the heading of each workflow, if the job has more than one; with names as long as there is room for."""
    if len(snapshot.workflows) < 2:
        return ()
    widths: dict[str, list[int]] = {}
    for column, heading in zip(shown, headings, strict=True):
        widths.setdefault(column.workflow, []).append(_width(heading))
    names = {workflow_id: _name_workflow(snapshot, workflow_id) for workflow_id in widths}
    for width in _WORKFLOW_NAME_WIDTHS:
        room = {
            workflow_id: max(min(len(name) + 1, width), sum(widths[workflow_id]))
            for workflow_id, (name, _) in names.items()
        }
        if sum(room.values()) <= _MAX_WIDTH:
            break
    return tuple(
        MatrixWorkflow(sanitize(name, room[workflow_id]), title, len(widths[workflow_id]))
        for workflow_id, (name, title) in names.items()
    )


def _name_workflow(snapshot: JobSnapshot, workflow_id: str) -> tuple[str, str]:
    """Return the name of a workflow with its position, and the same with all that is known."""
    workflow = snapshot.find_workflow(workflow_id)
    name = title = sanitize(workflow.name or workflow.id, _MAX_NAME_CHARS)
    if workflow in snapshot.workflows:
        place = snapshot.workflows.index(workflow) + 1
        name, title = f"{place}: {name}", f"workflow {place} of {len(snapshot.workflows)}: {name}"
    if workflow.name and workflow.id not in ("", workflow.name):
        title += f" ({sanitize(workflow.id, _MAX_NAME_CHARS)})"
    return name, title


def _describe_rest(hidden: Sequence[Column], sites: int) -> str:
    rounds = sum(column.round is not None for column in hidden)
    steps = len(hidden) - rounds
    parts = [
        f"{rounds} earlier {'round' if rounds == 1 else 'rounds'}" if rounds else "",
        f"{steps} earlier {'step' if steps == 1 else 'steps'}" if steps else "",
        f"{sites} more {'site' if sites == 1 else 'sites'}" if sites else "",
    ]
    return f"and {', '.join(filter(None, parts))}" if any(parts) else ""


# -- the present work of a site --------------------------------------------------------------------------------


def _build_activity(snapshot: JobSnapshot, site: str, cell: MatrixCell | None, pending: Sequence[str]) -> LiveText:
    if cell is None or cell.state == "deployed":
        return live("")
    if cell.state == "silent":
        return _count("silent: no heartbeat", cell.since)
    if snapshot.ended and cell.state not in ("failed", "unfinished"):
        return live("")
    words = site_text(snapshot, cell)
    if cell.state in _COUNTED_STATES:
        return _count(words, cell.since)
    return live(waited_for_text(site, cell, pending) or words)


def _count(text: str, since: float | None) -> LiveText:
    if since is None:
        return live(text)
    return live(f"{text} for {COUNT}", since)
