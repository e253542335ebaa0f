"""The matrix of sites by rounds and steps in a job's view, and the present work of each site. Pure."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, repeat
from typing import Any, NamedTuple

from ...formatting.live_text import COUNT, LiveText, live
from ...formatting.text import join_names, sanitize, shorten_names
from ...monitoring.job.format import MAX_WAITED_FOR, site_text
from ...monitoring.job.round_tasks import Column
from ...monitoring.job.snapshot import JobSnapshot
from ...monitoring.job.state import MatrixCell

MAX_SITES = 1000
"""The most sites in the matrix: those in trouble first."""

MAX_OPEN_SITES = 12
"""The most sites that are all shown at once; of more, those in trouble are, and the rest is folded."""

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
_ROUND_WIDTH, _MAX_WIDTH = 3, 72
_NARROW_WIDTH, _MAX_NARROW_COLUMNS = 26, 4
_NAME_WIDTHS = (18, 12, 8)
_WORKFLOW_NAME_WIDTHS = (40, 20, 12)
_MAX_NAME_CHARS, _MAX_SITE_CHARS, _MAX_LABEL_CHARS = 60, 120, 28  # characters
_TROUBLE = ("failed", "silent", "late", "unfinished")
_COUNTED_STATES = ("working", "late")
_SUMMARY_LABELS = {"submitted": "done", "unfinished": "not finished", "self-directed": "working on their own"}
# The state of all sites in a column is the first of these that one of them has.
_STRIP_ORDER = "fluwqs "
_STRIP_RANKS = {state: _STRIP_ORDER.index(letter) for state, letter in CELL_CODES.items()}


@dataclass(frozen=True)
class MatrixLimits:
    """The most that a form of the matrix has room for: the last columns, and the sites in trouble first.

    Attributes
    ----------
    cells
        The most cells of all sites.
    min_columns, max_columns
        The fewest and the most columns, whatever the number of sites.
    sites
        The most sites.
    """

    cells: int
    min_columns: int
    max_columns: int
    sites: int

    def count_columns(self, sites: int) -> int:
        """Return the most columns for a number of sites."""
        return min(max(self.cells // max(1, min(sites, self.sites)), self.min_columns), self.max_columns)


LIVE_LIMITS = MatrixLimits(cells=20_000, min_columns=20, max_columns=1000, sites=MAX_SITES)
"""Limits of the live view, which scrolls."""

STATIC_LIMITS = MatrixLimits(cells=300, min_columns=6, max_columns=24, sites=40)
"""Limits of the static form, which stays in the notebook's file."""


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


class MatrixRow(NamedTuple):
    """A site in the matrix.

    Attributes
    ----------
    site
        Its name.
    cells
        A letter of `CELL_STATES` for each column shown.
    activity
        The site's current activity and its duration; empty if there is none.
    label
        Its name, shortened if it is long.
    earlier_cells
        The letters of some columns before, see :meth:`Matrix.to_json`.
    """

    site: str
    cells: str
    activity: LiveText
    label: str
    earlier_cells: str = ""


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
        The sites shown: by name, and of many those in trouble first.
    rest
        The columns and sites that are not shown, in words.
    narrow_count
        The number of columns for which a narrow output has room: the last ones.
    summary
        The number of sites in each state; empty if there are so few that all are seen at once.
    open_count
        The number of rows that are shown before somebody asks for all: the first ones.
    strip
        The worst state of all sites in each round and step of the job, shown or not: a letter of `CELL_STATES`.
    strip_start
        The number of columns of the strip before the first one shown.
    waiting
        The activity of the sites that have handed in their work while others have not.
    idle
        The letter in the last column of a site that has no task there.
    legend
        `CELL_STATES`.
    """

    columns: tuple[MatrixColumn, ...]
    workflows: tuple[MatrixWorkflow, ...]
    rows: tuple[MatrixRow, ...]
    rest: str = ""
    narrow_count: int = _MAX_NARROW_COLUMNS
    summary: LiveText = dataclasses.field(default_factory=lambda: live(""))
    open_count: int = 0
    strip: str = ""
    strip_start: int = 0
    waiting: LiveText = dataclasses.field(default_factory=lambda: live(""))
    idle: str = " "
    legend: dict[str, tuple[str, str]] = dataclasses.field(default_factory=lambda: CELL_STATES)

    @property
    def edges(self) -> frozenset[int]:
        """The columns with which a workflow begins, but for the first."""
        return frozenset(accumulate(workflow.span for workflow in self.workflows[:-1]))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data, in which the row of a site is the same until the site does something.

        So what all rows share is sent once: the activity `waiting`, for which a row has None, and the columns after a
        site's last task: blanks, and the last one `idle`. And the letters of a row begin `earlier` columns before the
        first one shown, at one that is the same for many rounds.
        """
        # Many sites do the same, by the same text.
        activities = {id(row.activity): row.activity for row in self.rows}
        written = {key: None if one == self.waiting else one.to_json() for key, one in activities.items()}
        return {
            **vars(self),
            "columns": [vars(column) for column in self.columns],
            "workflows": [vars(workflow) for workflow in self.workflows],
            "rows": [self._row_to_json(row, written[id(row.activity)]) for row in self.rows],
            "earlier": len(self.rows[0].earlier_cells) if self.rows else 0,
            "summary": self.summary.to_json(),
            "waiting": self.waiting.to_json(),
        }

    def _row_to_json(self, row: MatrixRow, activity: list[dict[str, Any]] | None) -> list[Any]:
        cells = row.earlier_cells + row.cells
        cells = cells[:-1].rstrip() if cells.endswith(self.idle) else cells
        return [row.site, cells, activity, "" if row.label == row.site else row.label]


def build_matrix(snapshot: JobSnapshot, as_of: float, limits: MatrixLimits = LIVE_LIMITS) -> Matrix | None:
    """Return the matrix of a job; None if neither a round nor a step has begun.

    If the sites work on their own, and no rounds are known, the matrix has no columns: its rows say so.
    """
    states = snapshot.site_states(as_of)
    if not snapshot.columns and (
        snapshot.ended or not any(_is_self_directed(snapshot, cell) for cell in states.values())
    ):
        return None
    sites = list(snapshot.participating_sites)
    max_columns = limits.count_columns(len(sites))
    start = max(0, len(snapshot.columns) - max_columns)
    sent_start = start - start % max_columns
    shown = snapshot.columns[start:]
    columns = _build_headings_that_fit(snapshot, shown)
    is_long = len(sites) > MAX_OPEN_SITES
    in_trouble = [site for site in sites if site in states and states[site].state in _TROUBLE]
    if is_long:
        in_trouble.sort(key=lambda site: _TROUBLE.index(states[site].state))
        sites = list(dict.fromkeys((*in_trouble, *sites)))
    names = [sanitize(site, _MAX_SITE_CHARS) for site in sites]
    labels = shorten_names(names, _MAX_LABEL_CHARS)
    states_in = snapshot.matrix_states(as_of, sent_start)
    all_in = [frozenset(states.values()) for states in states_in]
    letters_of = _join_letters(states_in, all_in, sites[: limits.sites])
    strip = [*snapshot.states_in_columns(as_of, sent_start), *all_in]
    activity_of = _ActivityBuilder(snapshot, as_of, states, labels)
    rows = tuple(
        MatrixRow(name, letters[start - sent_start :], activity_of(site), labels[name], letters[: start - sent_start])
        for site, name, letters in zip(sites, names, letters_of, strict=False)
    )
    return Matrix(
        tuple(columns),
        _group_by_workflow(snapshot, shown, columns),
        rows,
        _describe_rest(snapshot.columns[:start], len(sites) - len(rows)),
        _count_narrow_columns(columns),
        _summarize(states, sites, labels, snapshot.trouble, as_of) if is_long else live(""),
        min(len(in_trouble), MAX_OPEN_SITES) if is_long else len(rows),
        "".join(map(_worst_letter, strip)),
        start,
        activity_of.waiting,
        CELL_CODES["waiting"] if snapshot.has_open_column else " ",
    )


def _is_self_directed(snapshot: JobSnapshot, cell: MatrixCell) -> bool:
    return cell.state == "self-directed" or (cell.state == "done" and snapshot.current_workflow.is_self_directed)


def _join_letters(
    columns: Sequence[Mapping[str, str]], all_in_columns: Sequence[frozenset[str]], sites: Sequence[str]
) -> list[str]:
    """Return the letters of each site, from the states in each column, of each site and of all."""
    letter_of = {**CELL_CODES, "": " "}
    letters: list[Sequence[str]] = []
    for states, all_in in zip(columns, all_in_columns, strict=True):
        if len(all_in) == 1 and all(map(states.__contains__, sites)):  # most of them
            letters.append(letter_of[next(iter(all_in))] * len(sites))
        else:
            letters.append([letter_of[state] for state in map(states.get, sites, repeat(""))])
    return list(map("".join, zip(*letters, strict=True))) if letters else [""] * len(sites)


@lru_cache
def _worst_letter(states: frozenset[str]) -> str:
    """Return the letter of all sites in a column, from their states."""
    return _STRIP_ORDER[min(map(_STRIP_RANKS.__getitem__, states), default=len(_STRIP_ORDER) - 1)]


def _summarize(
    states: Mapping[str, MatrixCell], sites: Sequence[str], labels: Mapping[str, str], trouble: str, as_of: float
) -> LiveText:
    """Return the number of sites in each state, and the one that has worked for longest."""
    counts = Counter(_state_label(states.get(site)) for site in sites)
    done = counts.pop("done", 0)
    words = [f"{done} of {len(sites)} done"]
    words += [f"{count} {label}" for label, count in sorted(counts.items(), key=lambda item: _summary_rank(item[0]))]
    started = {site: cell.since for site in sites if (cell := states.get(site)) and cell.state in _COUNTED_STATES}
    known = {site: since for site, since in started.items() if since is not None}
    if not known:
        return live(", ".join(words))
    longest = min(known, key=lambda site: (known[site], site))
    counted = f"{', '.join(words)} (longest: {labels[sanitize(longest, _MAX_SITE_CHARS)]}, {COUNT})"
    text = live(counted, known[longest])
    return text.frozen_at(as_of) if trouble else text


def _state_label(cell: MatrixCell | None) -> str:
    state = "waiting" if cell is None or cell.state == "deployed" else cell.state
    return _SUMMARY_LABELS.get(state, state)


def _summary_rank(label: str) -> int:
    order = [*(_SUMMARY_LABELS.get(state, state) for state in _TROUBLE), "working"]
    return order.index(label) if label in order else len(order)


# -- columns ---------------------------------------------------------------------------------------------------


def _build_headings_that_fit(snapshot: JobSnapshot, shown: Sequence[Column]) -> list[MatrixColumn]:
    """Return the headings of columns, with names as long as there is room for."""
    has_steps = any(column.round is None for column in shown)
    for width in _NAME_WIDTHS:
        headings = list(_build_headings(snapshot, shown, width))
        if not has_steps or sum(map(_width, headings)) <= _MAX_WIDTH:
            break
    return headings


def _build_headings(snapshot: JobSnapshot, shown: Sequence[Column], name_width: int) -> Iterator[MatrixColumn]:
    before: Column | None = None
    offsets = {workflow: snapshot.nth_round(0, workflow) for workflow in {column.workflow for column in shown}}
    for column in shown:
        if column.round is not None:
            yield _round_heading(column.round + offsets[column.workflow])
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


@lru_cache(maxsize=10_000)
def _round_heading(nth: int) -> MatrixColumn:
    return MatrixColumn(str(nth), "round ", f"round {nth}")


def _width(heading: MatrixColumn) -> int:
    return _ROUND_WIDTH if heading.label.isdigit() else max(_ROUND_WIDTH, len(heading.label) + 2)


def _count_narrow_columns(columns: Sequence[MatrixColumn]) -> int:
    """Return the number of last columns that leave room for the sites and their work in a narrow output."""
    room = accumulate(map(_width, reversed(columns[-_MAX_NARROW_COLUMNS:])))
    return max(1, sum(width <= _NARROW_WIDTH for width in room))


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
    steps = [column.round for column in hidden].count(None)
    rounds = len(hidden) - steps
    parts = [
        f"{rounds} earlier {'round' if rounds == 1 else 'rounds'}" if rounds else "",
        f"{steps} earlier {'step' if steps == 1 else 'steps'}" if steps else "",
        f"{sites} more {'site' if sites == 1 else 'sites'}" if sites else "",
    ]
    return f"and {', '.join(filter(None, parts))}" if any(parts) else ""


# -- the present work of a site --------------------------------------------------------------------------------


class _ActivityBuilder:
    """The current activity of each site of a job; what concerns all sites is found out once."""

    def __init__(
        self, snapshot: JobSnapshot, as_of: float, states: Mapping[str, MatrixCell], labels: Mapping[str, str]
    ) -> None:
        self._snapshot, self._as_of, self._states = snapshot, as_of, states
        # A site that has handed in its work is not among them.
        pending = sorted(snapshot.pending_sites(as_of))
        named = pending[: MAX_WAITED_FOR - (len(pending) > MAX_WAITED_FOR)]
        names = [labels.get(name, name) for name in (sanitize(site, _MAX_SITE_CHARS) for site in named)]
        if len(names) < len(pending):
            names.append(f"{len(pending) - len(names)} more")
        self.waiting = live(f"waiting for {join_names(names, len(names))}" if names else "")
        self._known: dict[MatrixCell | None, LiveText] = {}

    def __call__(self, site: str) -> LiveText:
        cell = self._states.get(site)
        known = self._known.get(cell)
        if known is None:
            known = self._build(cell)
            self._known[cell] = known = known.frozen_at(self._as_of) if self._snapshot.trouble else known
        return known

    def _build(self, cell: MatrixCell | None) -> LiveText:
        snapshot = self._snapshot
        if cell is None or cell.state == "deployed":
            return live("")
        if cell.state == "silent":
            return _count("silent: no heartbeat", cell.since)
        if snapshot.ended and cell.state not in ("failed", "unfinished"):
            return live("")
        if cell.state == "submitted" and self.waiting.phases[0].text:
            return self.waiting
        words = site_text(snapshot, cell)
        return _count(words, cell.since) if cell.state in _COUNTED_STATES else live(words)


def _count(text: str, since: float | None) -> LiveText:
    if since is None:
        return live(text)
    return live(f"{text} for {COUNT}", since)
