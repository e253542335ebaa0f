"""The verbs of ``%flare``: each a small function over the session, the monitor, the views or the federation.

Docstrings are the help that users read.
"""

from __future__ import annotations

import time
from typing import Any

from IPython.core.error import StdinNotImplementedError, UsageError

from .. import api
from ..errors import NoConnection, ServerIdentityError
from ..federation import LocalFederation
from ..monitoring import JobSnapshot
from ..monitoring.text import label
from ..text import clean
from ..views.display import show_job
from ..views.job import JobView
from ..views.kit import KitCheckup
from ..views.system import SystemStatus
from ..views.tables import JobTable
from .parsing import Verb, option
from .progress import Progress, transfer
from .state import State

_QUIET = 1.0  # seconds without a word while connecting
_FIRST_FACTS = 6.0  # a little more than a command may take

_YES = option("-y", "--yes", action="store_true", help="do not ask")
_JOB = option("job", nargs="?", metavar="JOB", help="the job's id or the beginning of it; the last job if left out")


def up(state: State, sites: int) -> LocalFederation:
    """Start a real FLARE federation on this machine, and connect to it as its admin.

    A server and sites as processes, with their own certificates. They end with %flare down, or with the kernel.

    Examples:
        %flare up            two sites
        %flare up -n 3       three
    """
    if state.federation is not None and state.federation.running:
        raise UsageError("a federation is running already: %flare down ends it")
    began = time.monotonic()
    progress = Progress(patience=0)
    federation = LocalFederation(sites, progress=progress.say)
    federation.start()
    try:
        state.use(api.connect(federation.admin_kit))
    except BaseException:
        federation.stop()
        raise
    state.federation = federation
    progress.end(f"ready in {time.monotonic() - began:.1f} s: a server and {_count(sites, 'site')}, you are the admin")
    return federation


def down(state: State) -> LocalFederation:
    """End the federation that %flare up started, with all that runs in it."""
    if state.federation is None:
        raise UsageError("no federation was started here: %flare up starts one")
    federation, state.federation = state.federation, None
    state.close_session()
    federation.stop()
    return federation


def connect(state: State, kit: str, study: str, timeout: float) -> api.Session:
    """Log in to a FLARE server with a startup kit; the session before is closed.

    Examples:
        %flare connect kits/admin@nvidia.com
        %flare connect kits/admin@nvidia.com --study heart
    """
    try:
        session = api.connect(kit, study=study, timeout=min(timeout, _QUIET))
    except ServerIdentityError:
        raise
    except NoConnection as e:
        if timeout <= _QUIET:
            raise
        progress = Progress(patience=0)
        progress.say(f"{e} Trying for {timeout - _QUIET:g} s more")
        session = api.connect(kit, study=study, timeout=timeout - _QUIET)
        progress.end("connected")
    state.use(session)
    return session


def close(state: State) -> api.Session:
    """Log out and close the session. Jobs go on."""
    session = state.close_session()
    if session is None:
        raise UsageError("there is no session to close")
    return session


def check(state: State, kit: str | None, offline: bool, timeout: float) -> KitCheckup:
    """Check a startup kit and the way to its server, and say what to do about each problem.

    Examples:
        %flare check                            the session's kit
        %flare check kits/admin@nvidia.com
        %flare check kits/admin@nvidia.com --offline
        report = %flare check                   report.ok, report.findings
    """
    if timeout <= 0:
        raise UsageError("%flare check: --timeout takes a number of seconds above 0")
    location = state.kit.root if kit is None else kit
    progress = Progress(patience=0)
    began = time.monotonic()
    report = api.check_kit(location, not offline, timeout, progress=progress.say)
    progress.end(f"checked in {time.monotonic() - began:.1f} s")
    return KitCheckup.of(report)


def status(state: State) -> SystemStatus:
    """Tell who is connected: the server, the sites, the running jobs."""
    return SystemStatus(state.session, state.session.get_system_info(), time.time())


def jobs(state: State, limit: int) -> JobTable:
    """List the jobs of the session's study, newest first.

    Examples:
        %flare jobs
        %flare jobs -n 5
        recent = %flare jobs        a list of dicts
    """
    if limit < 0:
        raise UsageError("%flare jobs: -n takes a number from 0 (all) on")
    return JobTable(state.session.list_jobs(reverse=True, limit=limit))


def submit(state: State, folder: str) -> str:
    """Submit a job folder and return the job's id. Nothing is written into the folder.

    Examples:
        %flare submit jobs/hello-numpy
        job = %flare submit jobs/hello-numpy
    """
    progress = Progress()
    state.last_job = state.session.submit_job(folder, progress=transfer(progress, "sending"))
    progress.end("sent")
    return state.last_job


def monitor(state: State, job: str | None, wait: bool, keep: bool) -> JobView | JobSnapshot:
    """Show what is happening to a job, live. The kernel stays free.

    With --wait the cell lasts until the job ends; interrupting it ends only the waiting.

    When the job ends a picture takes the view's place, which a saved notebook keeps. With --keep the view stays as it
    is, with the log and what can be done to an ended job, until the kernel is shut down.

    Examples:
        %flare monitor              the last job
        %flare monitor 76b8         the job whose id begins so
        %flare monitor 76b8 --keep
        end = %flare monitor --wait
    """
    job_id = state.job(job)
    watch = state.monitor.watch(job_id)
    watch.wait_for_facts(_FIRST_FACTS)  # an unknown job is told now, not in a view
    state.last_job = job_id
    view = show_job(watch, state.session, keep=keep)
    if not wait:
        return view
    try:
        watch.wait()
    except KeyboardInterrupt:
        raise UsageError("stopped waiting; the job goes on, and so does its view") from None
    return watch.snapshot


def clone(state: State, job: str | None) -> str:
    """Submit the content of a job once more and return the new job's id."""
    state.last_job = state.session.clone_job(state.job(job))
    return state.last_job


def abort(state: State, job: str | None, yes: bool) -> str:
    """End a job before its time, and return what the server says. It asks first.

    Examples:
        %flare abort
        %flare abort 76b8 --yes
    """
    job_id = state.job(job)
    meta = state.session.get_job_meta(job_id)
    if not yes:
        _confirm(f"Abort {label(str(meta.get('name') or ''), job_id)}, which is {clean(str(meta.get('status')))}?")
    progress = Progress(patience=0)
    progress.say("aborting")
    said = state.session.abort_job(job_id)
    progress.end("done: the status follows in a few seconds")
    return said


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _confirm(question: str) -> None:
    try:
        answer = input(f"{question} [y/N] ")
    except (StdinNotImplementedError, EOFError):
        raise UsageError("there is nobody to ask: say --yes to do it without") from None
    if answer.strip().lower() not in ("y", "yes"):
        raise UsageError("not done")


def _verbs(*declared: tuple[Any, ...]) -> dict[str, Verb]:
    return {run.__name__: Verb(run.__name__, run, options) for run, *options in declared}


VERBS = _verbs(
    (up, option("-n", "--sites", type=int, default=2, metavar="SITES", help="how many sites (default: 2)")),
    (down,),
    (
        connect,
        option("kit", metavar="KIT", help="the startup kit: its folder, or the startup folder in it"),
        option("--study", default="default", help="the study to work in (default: default)"),
        option("--timeout", type=float, default=10.0, metavar="S", help="seconds to keep trying (default: 10)"),
    ),
    (
        check,
        option("kit", nargs="?", metavar="KIT", help="the startup kit's folder; the session's kit if left out"),
        option("--offline", action="store_true", help="look at the kit only, not at the server"),
        option("--timeout", type=float, default=5.0, metavar="S", help="seconds for each step (default: 5)"),
    ),
    (close,),
    (status,),
    (jobs, option("-n", "--limit", type=int, default=0, metavar="N", help="how many at most (default: all)")),
    (submit, option("folder", metavar="FOLDER", help="the job folder, the one with meta.json")),
    (
        monitor,
        _JOB,
        option("-w", "--wait", action="store_true", help="let the cell last until the job ends"),
        option("-k", "--keep", action="store_true", help="keep the view live after the job's end"),
    ),
    (clone, _JOB),
    (abort, _JOB, _YES),
)
