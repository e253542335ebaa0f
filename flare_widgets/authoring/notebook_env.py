"""An execution environment that runs FLARE's recipes on the notebook's session."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import hooks
from ..api import Session, connect
from ..api.saved_results import RESULTS_FOLDER, save_result
from ..errors import InvalidArgumentError, JobTimeout, SessionClosed
from ..local_files import scratch_folder
from .errors import AuthoringNotInstalled
from .recipes import export_recipe

if TYPE_CHECKING:
    from typing import Protocol

    class FedJob(Protocol):
        """The part of ``nvflare.job_config.api.FedJob`` that is used."""

        name: str

        def export_job(self, folder: str) -> None:
            """Write the job folder, named after the job, into a folder."""


@dataclass(frozen=True)
class NotebookHost:
    """The notebook that environments run in.

    Attributes
    ----------
    get_session
        Returns the current session; raises, with what to do, if there is none.
    submit_job
        Calls a function that writes a job folder below another one and returns it, submits that folder with a session,
        and returns the job's id. Shows the progress, and remembers the job as the session's last one.
    show_job
        Shows the progress of a session's job, in the running cell.
    get_results_folder
        Returns the folder for the results of jobs.
    """

    get_session: Callable[[], Session]
    submit_job: Callable[[Session, Callable[[Path], Path]], str]
    show_job: Callable[[Session, str], object]
    get_results_folder: Callable[[], str] = lambda: RESULTS_FOLDER


def _find_host() -> NotebookHost | None:
    """Return the notebook's functions; None if ``%flare`` is not loaded."""
    return None if hooks.get_notebook_host is None else hooks.get_notebook_host()


class NotebookEnv:
    """The execution environment that runs a job on the notebook's current session, with a live view in the cell.

    It belongs to FLARE's recipe API, like its ``SimEnv``, ``PocEnv`` and ``ProdEnv``. ``execute`` (or, from nvflare 2.8
    on, ``run``) returns FLARE's own ``Run`` at once, and the view follows the job; the ``Run``'s ``get_status()``,
    ``get_result(timeout)`` and ``abort()`` use the same session.

    Parameters
    ----------
    session
        The session to use. It stays open. If not given, the current one of ``%flare``, at the time of each use.
    kit
        Instead of a session: a startup kit to log in with, the folder or its ``startup`` folder. The environment owns
        the session that it opens; :meth:`stop`, which ``Run.get_result`` calls, closes it.
    study
        The study of such a session.
    show
        True to show a view of the job, if there is a notebook to show it in.
    live_metrics
        True to show all metrics while the job runs, not only the key metric: a small component is added to the server's
        part of the job, which writes them to the server's log. It is added only to a job that brings code of its own to
        the server, and changes neither the training nor its result.
    download_to
        The folder for results, in which each job gets a folder named after it; that of ``%flare download`` if not
        given, which is ``results`` in the working folder unless configured.
    extra
        Properties for recipes that request them with ``get_extra_prop``.

    Raises
    ------
    AuthoringNotInstalled
        NVIDIA FLARE, which provides the recipes, is not installed.
    InvalidArgumentError
        Both a session and a kit were given.

    Notes
    -----
    FLARE's ``Run`` logs errors as warnings and returns None, in every environment. With nvflare 2.7 and 2.8,
    ``recipe.execute`` is the same; 2.7 has no ``recipe.run``.

    Examples
    --------
    >>> recipe = NumpyFedAvgRecipe(model=[0.0, 0.0], min_clients=2, train_script="client.py")  # doctest: +SKIP
    >>> run = recipe.execute(NotebookEnv())  # doctest: +SKIP
    >>> run.get_result()  # doctest: +SKIP
    '/home/ada/results/numpy-fedavg-2f7c01d9'
    """

    def __init__(
        self,
        session: Session | None = None,
        *,
        kit: str | Path | None = None,
        study: str = "default",
        show: bool = True,
        live_metrics: bool = True,
        download_to: str | Path | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        if session is not None and kit is not None:
            raise InvalidArgumentError("pass NotebookEnv a session or a kit, not both")
        _register_exec_env(type(self))
        self.extra = dict(extra or {})
        self._user_session = session
        self._kit = kit
        self._study = study
        self._should_show = show
        self._has_live_metrics = live_metrics
        self._download_to = download_to
        self._own_session: Session | None = None
        self._last_session: Session | None = None

    # -- called by FLARE's recipes and Run -----------------------------------------------------------------

    def get_extra_prop(self, prop_name: str, default: Any = None) -> Any:
        """Return a property that was given as `extra`."""
        return self.extra.get(prop_name, default)

    def deploy(self, job: FedJob) -> str:
        """Submit a job, show it, and return its id."""
        session, host = self._get_session(), _find_host()

        def write(parent: Path) -> Path:
            return export_recipe(job, parent, has_live_metrics=self._has_live_metrics)

        job_id = (_submit_quietly if host is None else host.submit_job)(session, write)
        self._last_session = session
        if self._should_show and host is not None:
            host.show_job(session, job_id)
        return job_id

    def get_job_status(self, job_id: str) -> str | None:
        """Return the status of a job."""
        return self._get_session().get_job_status(job_id)

    def abort_job(self, job_id: str) -> None:
        """Stop a running job."""
        self._get_session().abort_job(job_id)

    def get_job_result(self, job_id: str, timeout: float = 0.0) -> str | None:
        """Wait for the end of a job, download its result and return the folder; None if it does not end in time.

        An interrupt ends the waiting, not the job.
        """
        session = self._get_session()
        try:
            meta = session.wait_for_job(job_id, timeout=timeout)
        except JobTimeout:
            return None
        host = _find_host()
        parent = self._download_to or (RESULTS_FOLDER if host is None else host.get_results_folder())
        return str(save_result(session, job_id, str(meta.get("name") or ""), parent).folder)

    def stop(self, clean_up: bool = False) -> None:  # noqa: ARG002  # FLARE's signature
        """Close the session if this environment opened it; any other session stays open.

        Parameters
        ----------
        clean_up
            Ignored: there is no workspace besides the downloaded result, which is the user's.
        """
        own, self._own_session = self._own_session, None
        if own is not None:
            own.close()

    # -- sessions ------------------------------------------------------------------------------------------

    def _get_session(self) -> Session:
        if self._user_session is not None:
            return self._user_session
        if self._kit is not None:
            if self._own_session is None or self._own_session.closed:
                self._own_session = connect(self._kit, study=self._study)
            return self._own_session
        # The session that the job was submitted with, even if another one has become current.
        if self._last_session is not None and not self._last_session.closed:
            return self._last_session
        host = _find_host()
        if host is None:
            raise SessionClosed(
                "NotebookEnv has no session: run %load_ext flare_widgets and %flare connect KIT, or pass a session or "
                "a kit: NotebookEnv(kit=...)"
            )
        return host.get_session()

    def __repr__(self) -> str:
        of = self._user_session or self._own_session or self._kit or "the current session"
        return f"<NotebookEnv: {of}>"


def _submit_quietly(session: Session, write: Callable[[Path], Path]) -> str:
    with scratch_folder("making the job") as folder:
        return session.submit_job(str(write(folder)))


def _register_exec_env(env_class: type) -> None:
    """Register it as an ``ExecEnv``, since some recipes of FLARE check with ``isinstance``."""
    if importlib.util.find_spec("nvflare") is None:
        raise AuthoringNotInstalled(
            f"NotebookEnv needs FLARE's recipes, and NVIDIA FLARE is not installed in {sys.prefix}: "
            'pip install "flare-widgets[local]"'
        )
    from nvflare.recipe.spec import ExecEnv

    ExecEnv.register(env_class)
