"""``%%flare``: turns the cell's client code into a job, runs it on the session, and shows its view."""

from __future__ import annotations

import functools
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from ..api import Session
from ..authoring import CellError, CellJob, check_code, choose_key_metric, find_metric_names, write_job
from ..authoring.arguments import parse_literal, to_plain_data
from ..authoring.jobs import FRAMEWORKS, WrittenJob
from ..authoring.notebook_env import NotebookHost
from ..errors import FlareError, InvalidArgumentError, ReadOnlySession
from ..local_files import scratch_folder
from ..manager import ManagedSession
from ..monitoring import JobSnapshot, Monitor
from ..monitoring.job.metric_direction import metric_direction
from ..monitoring.job.watch import Watch
from ..options import AT_ONCE, option, parse_count, parse_values
from ..sweep import Sweep
from ..views.display import show_job
from ..views.job.view import JobView
from .job_display import display_job
from .job_id import link
from .parsing import Verb
from .progress import ProgressLine, make_transfer_callback, run_step
from .state import MagicsState
from .sweep_display import start_sweep
from .words import QUOTE_HINT, split_words, strip_comment

# The cell's first line is the magic's own.
_FIRST_LINE_NUMBER = 2

# Without a session, the number of sites is unknown; fewer than two is no federation.
_DEFAULT_SITE_COUNT = 2

_DRY_RUN_FOLDER = "jobs"


def _describe_cell_magic(state: MagicsState) -> None:
    """Turn the code of this cell into a federated job, run it, and show its progress.

    Each site runs the code: a Python program that uses FLARE's Client API. FLARE's own recipe turns it into a job of
    federated averaging. Code that cannot work at a site is reported before anything is sent.

    Examples:
        %%flare --rounds 5 --model start
        import nvflare.client as flare

        flare.init()
        while flare.is_running():
            model = flare.receive()
            better = train(model.params)                  # your training
            flare.send(flare.FLModel(params=better, metrics={"loss": 0.1}))

        %%flare --framework sklearn --sites hospital-a,hospital-b
        %%flare --arg rate=0.1 --arg epochs       rate is 0.1, epochs is the variable's value; read them with argparse
        %%flare --sweep rate=0.01,0.1,1           a sweep, as of %flare sweep: a job for each value
        %%flare --dry-run jobs                    only write the job folder, jobs/cell-job
    """


CELL_MAGIC = Verb(
    "cell",
    _describe_cell_magic,
    [
        option("--name", default="cell-job", help="the job's name (default: cell-job)"),
        option("--rounds", type=parse_count, default=3, metavar="N", help="number of rounds (default: 3)"),
        option(
            "--sites",
            default="",
            metavar="A,B",
            completes="sites",
            help="the sites that train (default: all connected sites)",
        ),
        option(
            "--min-sites",
            type=parse_count,
            metavar="N",
            help="minimum number of sites that must answer in a round (default: all)",
        ),
        option(
            "--framework", choices=FRAMEWORKS, help="the framework (default: the one that the code imports, else numpy)"
        ),
        option(
            "--model",
            metavar="M",
            help="the initial model: a variable or a list for numpy, a dict in a variable for sklearn, "
            "a class of the cell for pytorch",
        ),
        option(
            "--arg",
            action="append",
            default=[],
            metavar="NAME[=VALUE]",
            help="an argument of the script, --NAME=VALUE; without VALUE, the value of the notebook's variable NAME",
        ),
        option(
            "--sweep",
            action="append",
            default=[],
            metavar="NAME[=VALUES]",
            help="an argument like --arg, with several values, and a job for each: rate=0.01,0.1; again for each "
            "argument, for all combinations; without VALUES, the list in the notebook's variable NAME",
        ),
        AT_ONCE,
        option(
            "--key-metric",
            default="",
            metavar="NAME",
            help="the metric that selects the best model (default: the one that the code sends, or accuracy)",
        ),
        option(
            "--key-metric-mode", default="", choices=("max", "min"), help="max: higher is better; min: lower is better"
        ),
        option(
            "--dry-run",
            nargs="?",
            const=_DRY_RUN_FOLDER,
            metavar="FOLDER",
            help="only write the job folder into this folder, do not submit it",
        ),
        option("-w", "--wait", action="store_true", help="block until the job ends, or all jobs of a sweep"),
    ],
)
CELL_MAGIC.parser.prog = "%%flare"


def run_cell(
    state: MagicsState, variables: Mapping[str, Any], line: str, cell: str
) -> JobView | JobSnapshot | Sweep | Path | str | None:
    """Run ``%%flare``.

    Parameters
    ----------
    state
        The state shared by the verbs.
    variables
        The notebook's variables.
    line
        The arguments after ``%%flare``.
    cell
        The rest of the cell.

    Returns
    -------
    JobView, JobSnapshot, Sweep, Path or None
        The view; with ``--wait`` the job's final state; with ``--sweep`` the sweep; with ``--dry-run`` the job folder;
        None for help.
    """
    try:
        words = split_words(strip_comment(line), literals=True)
    except ValueError as error:
        raise UsageError(f"%%flare: {error} in: {line.strip()}. {QUOTE_HINT}") from None
    if "-h" in words or "--help" in words:
        print(CELL_MAGIC.help())  # noqa: T201
        return None
    options = vars(CELL_MAGIC.parser.parse_args(words))
    dry_run, wait = options.pop("dry_run"), options.pop("wait")
    swept = _parse_sweep(options["sweep"], options["arg"], variables)
    if swept and dry_run is not None:
        raise UsageError("%%flare: --dry-run writes one job; leave out --sweep, and pass the folder to %flare sweep")
    # First the checks that need no server, which take no time.
    problems = check_code(cell, first_line=_FIRST_LINE_NUMBER, notebook_names=variables.keys())
    if problems:
        refused = CellError(problems)
        if any(problem.line is None for problem in problems):  # a call is missing
            refused.add_context(next_step="%%flare -h shows a cell that works")
        raise refused
    key_metric, note = _choose_key_metric(cell, options["key_metric"], options["key_metric_mode"])
    progress = ProgressLine()
    there = run_step(progress, "asking the server for its sites", _fetch_connected_sites, state, dry_run is not None)
    job = _make_cell_job(variables, options, cell, there, key_metric)
    made: list[WrittenJob] = []

    def write(parent: Path) -> Path:
        made.append(write_job(job, parent, first_line=_FIRST_LINE_NUMBER))
        return made[0].folder

    if dry_run is not None:
        folder = run_step(progress, "making the job", write, Path(dry_run))
        progress.finish(f"made a job for {made[0].framework}")
        _print_remarks(made[0], note)
        return folder
    session = state.session
    if swept:
        if session.read_only:
            raise ReadOnlySession("a sweep submits jobs, and this session is read-only")
        with scratch_folder("making the job") as parent:
            folder = run_step(progress, "making the job", write, parent)
            progress.finish(f"made a job for {made[0].framework}")
            _print_remarks(made[0], note)
            return start_sweep(state, folder, swept, name=job.name, at_once=options["at_once"], wait=wait)
    job_id = _submit(state, session, write, progress)
    _print_remarks(made[0], note)
    shown = display_job(state, session, _watch_job(state, session, job_id), wait=wait)
    return link(state.managed_session, state.results_folder, shown)


def make_notebook_host(state: MagicsState) -> NotebookHost:
    """Return the notebook's functions for ``NotebookEnv``."""

    def show(session: Session, job_id: str) -> JobView:
        return show_job(_watch_job(state, session, job_id), session, folder=state.results_folder)

    return NotebookHost(lambda: state.session, functools.partial(_submit, state), show, lambda: state.results_folder)


def _submit(
    state: MagicsState, session: Session, write: Callable[[Path], Path], progress: ProgressLine | None = None
) -> str:
    """Write a job folder and submit it, showing the progress; the job becomes the last one of its session."""
    progress = progress or ProgressLine()
    with scratch_folder("making the job") as folder:
        job_folder = run_step(progress, "making the job", write, folder)
        tell = make_transfer_callback(progress, "submitting the job")
        job_id = session.submit_job(str(job_folder), progress=tell)
    managed = _find_managed_session(state, session)
    if managed is not None:
        managed.set_last_job(job_id, job_folder.name)
    progress.finish(f"submitted the job {job_folder.name}: {job_id}")
    return job_id


def _watch_job(state: MagicsState, session: Session, job_id: str) -> Watch:
    """Watch a job of a session: with that session's own monitor, if it has a name here."""
    managed = _find_managed_session(state, session)
    return (Monitor(session) if managed is None else managed.monitor).watch(job_id)


def _find_managed_session(state: MagicsState, session: Session) -> ManagedSession | None:
    """Return the session as ``%flare sessions`` has it; None for one that was opened otherwise."""
    return next((managed for managed in state.manager.sessions.values() if managed.session is session), None)


def _choose_key_metric(cell: str, given: str, given_mode: str) -> tuple[dict[str, str], str]:
    """Return the settings of the key metric that the user did not give, and a sentence about it, which may be empty."""
    choice = choose_key_metric(find_metric_names(cell), given)
    name = given or choice.name
    direction = metric_direction(name)
    mode = "min" if name and not given_mode and direction == "min" else ""
    suggested = {"key_metric": "" if given else name, "key_metric_mode": mode}
    better = "" if given_mode else ", lower is better" if mode else ", higher is better"
    note = choice.note
    if choice.name and not given:
        note = f"key metric: {name}, the only one that the cell sends{better} (--key-metric, --key-metric-mode)"
    elif mode and not note:
        note = f"key metric: {name}{better} (--key-metric-mode max if it is not)"
    return {setting: value for setting, value in suggested.items() if value}, note


def _make_cell_job(
    variables: Mapping[str, Any],
    options: dict[str, Any],
    cell: str,
    there: set[str] | None,
    key_metric: Mapping[str, str],
) -> CellJob:
    sites = [name.strip() for name in options["sites"].split(",") if name.strip()]
    missing = [name for name in sites if there is not None and name not in there]
    if missing and there is not None:
        raise InvalidArgumentError(
            f"site {missing[0]!r} is not connected; connected sites: {', '.join(sorted(there)) or 'none'}"
        )
    known = len(sites) or (_DEFAULT_SITE_COUNT if there is None else len(there))
    model = options["model"]
    if model is not None and model in variables and options["framework"] != "pytorch":
        model = variables[model]
    elif model is not None:
        model = parse_literal(model)
    return CellJob(
        code=cell,
        name=options["name"],
        rounds=options["rounds"],
        sites=sites,
        min_sites=known if options["min_sites"] is None else options["min_sites"],
        framework=options["framework"] or "",
        model=model,
        arguments=dict(_parse_argument(text, variables) for text in options["arg"]),
        key_metric=options["key_metric"],
        key_metric_mode=options["key_metric_mode"],
        suggestions=key_metric,
    )


def _fetch_connected_sites(state: MagicsState, dry_run: bool) -> set[str] | None:
    """Return the connected sites; None if there is no server to ask, which only a dry run tolerates."""
    try:
        session = state.session
        there = {client.name for client in session.get_system_info().client_info}
    except (UsageError, FlareError):
        if dry_run:
            return None
        raise
    if not there and not dry_run:
        raise UsageError("no sites are connected to the server: check with %flare status")
    return there or None


def _parse_argument(text: str, variables: Mapping[str, Any]) -> tuple[str, Any]:
    name, given, value = text.partition("=")
    if given:
        return name, parse_literal(value)
    return name, _get_variable("--arg", name, variables)


def _parse_sweep(texts: list[str], arguments: list[str], variables: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the values of each argument of a sweep; empty if it is none."""
    found: dict[str, list[Any]] = {}
    fixed = {text.partition("=")[0] for text in arguments}
    for text in texts:
        try:
            name, values = parse_values(text) if "=" in text else (text, _list_values(text, variables))
        except ArgumentTypeError as e:
            raise UsageError(f"%%flare: --sweep: {e}") from None
        if name in found or name in fixed:
            raise UsageError(f"%%flare: the argument {name} is given twice; give all its values to one --sweep")
        found[name] = [*values]
    return found


def _list_values(name: str, variables: Mapping[str, Any]) -> list[Any]:
    values = to_plain_data(f"the variable {name}", _get_variable("--sweep", name, variables))
    if not isinstance(values, list) or not values:
        raise InvalidArgumentError(f"--sweep {name}: the variable is not a list with values")
    return values


def _get_variable(flag: str, name: str, variables: Mapping[str, Any]) -> Any:
    variable = name.replace("-", "_")
    if variable not in variables:
        raise InvalidArgumentError(
            f"{flag} {name}: the notebook has no variable {variable!r}; define it, or pass {flag} {name}=VALUE"
        )
    return variables[variable]


def _print_remarks(written: WrittenJob, note: str) -> None:
    for warning in written.warnings:
        print(f"FLARE warns: {warning}")  # noqa: T201
    if note and written.follows_suggestions:
        print(note)  # noqa: T201
