"""``%%flare``: the cell's client code becomes a job, runs on the session, and shows its view."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from ..api import Session
from ..authoring import CellError, CellJob, check_code, write_job
from ..authoring.arguments import literal
from ..authoring.jobs import FRAMEWORKS
from ..authoring.notebook_env import Host, set_host
from ..errors import FlareError, InvalidArgumentError
from ..monitoring import JobSnapshot, Monitor
from ..monitoring.job.watch import Watch
from ..options import option
from ..views.display import show_job
from ..views.job.view import JobView
from .job_display import shown
from .parsing import Verb, without_comment
from .progress import Progress, transfer
from .state import State

# The cell's first line is the magic's own.
_FIRST_LINE = 2

# Without a session, nobody knows how many sites there are; fewer than two is no federation.
_SITES_UNKNOWN = 2

_DRY_RUN = "jobs"


def _cell(state: State) -> None:
    """Turn the code of this cell into a federated job, run it, and show what happens.

    The code is what each site runs: a Python program with FLARE's Client API. By FLARE's own recipe it becomes a job
    of federated averaging. What would not work at a site is told before anything is sent.

    Examples:
        %%flare --rounds 5 --model start
        import nvflare.client as flare

        flare.init()
        while flare.is_running():
            model = flare.receive()
            better = train(model.params)                  # your training
            flare.send(flare.FLModel(params=better, metrics={"loss": 0.1}))

        %%flare --framework sklearn --sites hospital-a,hospital-b
        %%flare --arg rate=0.1 --arg epochs       rate is 0.1, epochs what the variable has; argparse reads them
        %%flare --dry-run jobs                    only write the job folder, jobs/cell-job
    """


CELL = Verb(
    "cell",
    _cell,
    [
        option("--name", default="cell-job", help="the job's name (default: cell-job)"),
        option("--rounds", type=int, default=3, metavar="N", help="how many rounds (default: 3)"),
        option(
            "--sites",
            default="",
            metavar="A,B",
            completes="sites",
            help="the sites that train (default: all that are connected)",
        ),
        option("--min-sites", type=int, metavar="N", help="how many must answer in a round (default: all that train)"),
        option("--framework", choices=FRAMEWORKS, help="default: what the code imports, else numpy"),
        option(
            "--model",
            metavar="M",
            help="where training starts: a variable or a list for numpy, a dict in a variable for sklearn, "
            "a class of the cell for pytorch",
        ),
        option(
            "--arg",
            action="append",
            default=[],
            metavar="NAME[=VALUE]",
            help="an argument of the script, --NAME=VALUE; without a value, that of the notebook's variable",
        ),
        option("--key-metric", default="", metavar="NAME", help="the metric that tells the best model"),
        option("--key-metric-mode", default="", choices=("max", "min"), help="whether more or less of it is better"),
        option("--dry-run", nargs="?", const=_DRY_RUN, metavar="FOLDER", help="only write the job into this folder"),
        option("-w", "--wait", action="store_true", help="let the cell last until the job ends"),
    ],
)
CELL.parser.prog = "%%flare"


def run_cell(
    state: State, variables: Mapping[str, Any], line: str, cell: str
) -> JobView | JobSnapshot | Path | str | None:
    """Run ``%%flare``.

    Parameters
    ----------
    state
        What the verbs share.
    variables
        The notebook's.
    line
        What follows ``%%flare``.
    cell
        The rest of the cell.

    Returns
    -------
    JobView, JobSnapshot, Path or None
        The view; with ``--wait`` how the job ended; with ``--dry-run`` the job folder; None when help was wanted.
    """
    try:
        words = shlex.split(without_comment(line))
    except ValueError as error:
        raise UsageError(f"%%flare: {str(error).lower()} in: {line.strip()}") from None
    if "-h" in words or "--help" in words:
        print(CELL.help())  # noqa: T201
        return None
    options = vars(CELL.parser.parse_args(words))
    dry_run, wait = options.pop("dry_run"), options.pop("wait")
    # First what needs no server, which takes no time.
    problems = check_code(cell, first_line=_FIRST_LINE, notebook=variables.keys())
    if problems:
        raise CellError(problems)
    progress = Progress()
    job = _job(state, variables, options, cell, dry_run is not None)
    progress.say("making the job")
    if dry_run is not None:
        written = write_job(job, Path(dry_run), first_line=_FIRST_LINE)
        progress.end(f"made a job for {written.framework}")
        _warn(written.warnings)
        return written.folder
    with tempfile.TemporaryDirectory(prefix="flare-widgets-job-") as folder:
        written = write_job(job, Path(folder), first_line=_FIRST_LINE)
        _warn(written.warnings)
        job_id = state.session.submit_job(str(written.folder), progress=transfer(progress, "sending"))
    progress.end(f"sent a job for {written.framework}: {job_id}")
    return shown(state, state.session, _watch(state, state.session, job_id), wait=wait)


def host(state: State) -> Host:
    """Return what a notebook offers to ``NotebookEnv``."""

    def show(session: Session, job_id: str) -> JobView:
        watch = _watch(state, session, job_id)
        return show_job(watch, session, folder=state.config.download_folder or None)

    return Host(lambda: state.session, show)


def offer(state: State | None) -> None:
    """Let ``NotebookEnv`` work with these sessions; with None, no more."""
    set_host(None if state is None else host(state))


def _watch(state: State, session: Session, job_id: str) -> Watch:
    """Watch a job: one of the current session, or of another that the user has."""
    if session is state.session:
        monitor = state.monitor
        state.current.remember_job(job_id)
    else:
        monitor = Monitor(session)
    return monitor.watch(job_id)


def _job(state: State, variables: Mapping[str, Any], options: dict[str, Any], cell: str, dry_run: bool) -> CellJob:
    sites = [name.strip() for name in options["sites"].split(",") if name.strip()]
    there = _connected(state, dry_run)
    missing = [name for name in sites if there is not None and name not in there]
    if missing and there is not None:
        raise InvalidArgumentError(
            f"{missing[0]!r} is not connected to the server; connected are {', '.join(sorted(there)) or 'no sites'}"
        )
    known = len(sites) or (_SITES_UNKNOWN if there is None else len(there))
    model = options["model"]
    if model is not None and model in variables and options["framework"] != "pytorch":
        model = variables[model]
    elif model is not None:
        model = literal(model)
    return CellJob(
        code=cell,
        name=options["name"],
        rounds=options["rounds"],
        sites=sites,
        min_sites=known if options["min_sites"] is None else options["min_sites"],
        framework=options["framework"] or "",
        model=model,
        arguments=dict(_argument(text, variables) for text in options["arg"]),
        key_metric=options["key_metric"],
        key_metric_mode=options["key_metric_mode"],
    )


def _connected(state: State, dry_run: bool) -> set[str] | None:
    """The sites that are connected; None when there is nobody to ask, which only a dry run can bear."""
    try:
        session = state.session
        there = {client.name for client in session.get_system_info().client_info}
    except (UsageError, FlareError):
        if dry_run:
            return None
        raise
    if not there and not dry_run:
        raise UsageError("no site is connected to the server: %flare status shows who is")
    return there or None


def _argument(text: str, variables: Mapping[str, Any]) -> tuple[str, Any]:
    name, given, value = text.partition("=")
    if given:
        return name, literal(value)
    variable = name.replace("-", "_")
    if variable not in variables:
        raise InvalidArgumentError(
            f"--arg {name}: the notebook has no variable {variable!r}; or give --arg {name}=VALUE"
        )
    return name, variables[variable]


def _warn(warnings: Sequence[str]) -> None:
    for warning in warnings:
        print(f"FLARE warns: {warning}")  # noqa: T201
