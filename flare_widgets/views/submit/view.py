"""The form that submits a job: choose a folder, check its content and its problems, submit it."""

from __future__ import annotations

import concurrent.futures
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import traitlets

from ...api import commands
from ...api.permissions import session_denial_reason
from ...api.session import Session
from ...api.transfer.job_folder import JobFolder, JobFolderProblem, find_problems, read_job_folder
from ...errors import InvalidArgumentError
from ...formatting.text import SHORT_ID, format_size, sanitize
from ...local_files import absolute_path
from ..core.actions import Action, ActionContext, Actions
from ..core.live_view import LiveView
from ..core.output_handles import Placeholder
from ..session.view_model import session_trouble
from .folders import FolderContents, FolderListing, is_within, list_folder, looks_like_job, shown_path
from .html import submit_html

log = logging.getLogger("flare_widgets")


class SubmitForm(LiveView):
    """A form that submits a job folder of the machine the kernel runs on.

    Nothing is written into the folder. Once a job is submitted, it is shown below the form.

    Parameters
    ----------
    session
        The session, and its study, for submitting.
    folder
        The initial folder: a job folder, or one to search for such; the working directory if not given.
    make_job_view
        Called with the id of each new job, in a thread; returns the view of it to be shown below, or None.
    within
        The folder that can be shown and submitted from; None for the whole disk. Links do not lead out of it.

    Attributes
    ----------
    session_facts : dict
        ``username, address, study``.
    listing : dict
        The content of the folder browser; see :meth:`.FolderListing.to_json`.
    job : dict
        The job to submit (:meth:`.JobFolder.to_json`), with ``problems``; empty if no folder is chosen.
    actions : list
        The submit action; see :meth:`.Actions.to_json`.
    connection_problem : str
        A sentence if the session has no connection; else empty.
    submitted : list
        The jobs submitted so far, newest first: ``job_id, name, at``.
    """

    bundle = "submit"

    session_facts = traitlets.Dict().tag(sync=True)
    listing = traitlets.Dict().tag(sync=True)
    job = traitlets.Dict().tag(sync=True)
    actions: traitlets.List[Any] = traitlets.List().tag(sync=True)
    connection_problem = traitlets.Unicode().tag(sync=True)
    submitted: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def __init__(
        self,
        session: Session,
        folder: str | Path | None = None,
        make_job_view: Callable[[str], LiveView | None] = lambda _: None,
        *,
        within: Path | None = None,
    ) -> None:
        self._session = session
        self._within = within
        self._make_job_view = make_job_view
        self._placeholder = Placeholder()
        self._submitted_jobs: list[dict[str, Any]] = []
        self._job_folder: JobFolder | None = None
        self._connected_sites: tuple[str, ...] | None = None
        self._last_scan = 0
        start = Path(os.path.normpath(absolute_path(folder or ".")))  # a link must stay one
        chosen = start if folder is not None and looks_like_job(start) else None
        listed = start if chosen is None or not is_within(start.parent, within) else start.parent
        self._listing = FolderListing(self._list_folder(listed), within)
        if chosen is not None:
            self._job_folder = read_job_folder(chosen)
        submit = Action(
            "submit",
            "Submit",
            run=self._submit,
            describe_result=str,
            disabled_reason=self._disabled_reason,
            emphasis="primary",
            is_cancellable=True,
        )
        self._actions = Actions([submit], self._request_update)
        # A closed session notifies at once, and the form then ends before it has the function to unsubscribe.
        self._unsubscribe: Callable[[], None] = lambda: None
        super().__init__()
        self._unsubscribe = session.subscribe(lambda _: self._request_update())
        self._fetch_connected_sites()

    # -- content -------------------------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        kit = self._session.kit
        return {
            "session_facts": {
                "username": sanitize(kit.username),
                "address": sanitize(kit.address),
                "study": sanitize(self._session.study),
            },
            "listing": self._listing.to_json(),
            "job": {} if self._job_folder is None else self._job_json(self._job_folder),
            "actions": [] if self._is_static else self._actions.to_json(),
            "connection_problem": session_trouble(self._session),
            "submitted": list(self._submitted_jobs),
        }

    def _job_json(self, folder: JobFolder) -> dict[str, Any]:
        found = folder.to_json()
        del found["initial_problems"]
        found["path"] = shown_path(Path(folder.path), self._within)
        wrong = [{"severity": p.severity, "message": p.message} for p in self._problems(folder)]
        return {**_sanitize_json(found), "problems": wrong}

    def _problems(self, folder: JobFolder) -> tuple[JobFolderProblem, ...]:
        return find_problems(folder, self._connected_sites)

    def _mimebundle(self) -> dict[str, str]:
        wrong = () if self._job_folder is None else self._problems(self._job_folder)
        session = self._session
        return {
            "text/plain": describe_form(self._job_folder, wrong, session, self._submitted_jobs),
            "text/html": submit_html(
                self._job_folder,
                wrong,
                [sanitize(session.kit.username), sanitize(session.kit.address), f"study {sanitize(session.study)}"],
                self._submitted_jobs,
                time.time(),
                trouble=session_trouble(session),
            ),
        }

    def _facts(self) -> object:
        return self._job_folder, self._connected_sites, self._submitted_jobs

    def _is_finished(self) -> bool:
        return self._session.closed and not self._actions.is_busy("submit")

    def _dispose(self) -> None:
        self._unsubscribe()

    def _show(self, *, is_returned: bool = False) -> None:
        super()._show(is_returned=is_returned)
        self._placeholder.show()

    # -- actions -------------------------------------------------------------------------------------------

    def _handle_message(self, message: dict[str, Any]) -> None:
        if self._is_static or self._actions.handle_message(message):
            return
        match message:
            case {"kind": "open_folder", "id": number}:
                path = self._listing.path_of(number)
                if path is not None:
                    self._scan_in_thread(path)
            case {"kind": "open_path", "path": str() as typed} if typed.strip() and "\0" not in typed:
                # Relative to the folder shown, which the user sees beside the field.
                place = self._listing.contents.path
                at = os.path.expanduser(typed.strip())  # noqa: PTH111 - an unknown user's is no error, but not there
                self._scan_in_thread(Path(os.path.abspath(place / at)))  # noqa: PTH100
            case {"kind": "recheck" | "back"} if self._actions.is_busy("submit"):
                pass  # a folder that is being submitted stays visible until it is done
            case {"kind": "recheck"}:
                if self._job_folder is not None:
                    self._scan_in_thread(Path(self._job_folder.path))
                self._fetch_connected_sites()
            case {"kind": "back"}:
                self._job_folder = None
                self._actions.reset("submit")
                self._scan_in_thread(self._listing.contents.path)

    def _scan_in_thread(self, path: Path) -> None:
        """Scan a folder in a thread, since a disk may be slow. Only the newest scan counts."""
        with self._state_lock:
            self._last_scan += 1
            turn = self._last_scan
        threading.Thread(target=self._scan, args=(path, turn), name="flare-folders", daemon=True).start()

    def _scan(self, path: Path, scan: int) -> None:
        is_reachable = is_within(path, self._within)
        job = read_job_folder(path) if is_reachable and looks_like_job(path) else None
        listing = FolderListing(self._list_folder(path), self._within) if job is None else None
        with self._state_lock:
            if scan != self._last_scan or self._actions.is_busy("submit"):
                return
            if listing is not None:
                # An unreachable folder leaves the listing unchanged, and shows the reason.
                if listing.contents.problem:
                    listing = FolderListing(
                        _with_problem(self._list_folder(self._listing.contents.path), listing.contents.problem),
                        self._within,
                    )
                self._listing, self._job_folder = listing, None
            else:
                self._job_folder = job
            self._actions.reset("submit")
        self._request_update()

    def _list_folder(self, path: Path) -> FolderContents:
        if is_within(path, self._within):
            return list_folder(path)
        return FolderContents(path, problem="this folder is not in the root folder of the Jupyter server")

    def _fetch_connected_sites(self) -> None:
        def note(future: concurrent.futures.Future[Any]) -> None:
            if not future.cancelled() and future.exception() is None:
                self._connected_sites = tuple(client.name for client in future.result().client_info)
                self._request_update()

        if not self._session.closed:
            self._session.start(commands.get_system_info()).add_done_callback(note)

    def _disabled_reason(self) -> str:
        if refused := session_denial_reason(self._session, "submit_job"):
            return refused
        if self._session.closed:
            return "the session has ended: connect again"
        if self._job_folder is None:
            return "choose a job folder first"
        if any(problem.severity == "error" for problem in self._problems(self._job_folder)):
            return "fix the errors above, then re-check"
        return ""

    def _submit(self, context: ActionContext) -> str:
        folder = self._job_folder
        assert folder is not None, "disabled while no folder is chosen"
        if not is_within(Path(folder.path), self._within):  # a link that was changed meanwhile
            raise InvalidArgumentError("this folder is not in the root folder of the Jupyter server")
        job_id = self._session.submit_job(folder.path, progress=context.progress_callback("sending"))
        self._submitted_jobs = [
            {"job_id": sanitize(job_id), "name": sanitize(folder.name), "at": time.time()},
            *self._submitted_jobs,
        ]
        try:
            view = self._make_job_view(job_id)
            if view is not None:
                view.show_in(self._placeholder)
        except Exception:
            # The job is submitted, even if its view fails.
            log.exception("the view of job %s could not be shown", job_id)
        return f"submitted as job {sanitize(job_id[:SHORT_ID])}"


def describe_form(
    folder: JobFolder | None, found_problems: tuple[JobFolderProblem, ...], session: Session, jobs: list[dict[str, Any]]
) -> str:
    """Return the form as text: the job to submit, its problems, the submitted jobs."""
    kit = session.kit
    lines = [f"submit a job  {sanitize(kit.username)}  →  {sanitize(kit.address)}  study {sanitize(session.study)}"]
    if trouble := session_trouble(session):
        lines.append(f"  ! {trouble}")
    if folder is None:
        lines.append("  no folder chosen")
    else:
        files = f"{folder.count} {'file' if folder.count == 1 else 'files'}, {format_size(folder.size)}"
        lines.append(f"  {sanitize(folder.name, 60)}  {sanitize(folder.path, 300)}  {files}")
        lines += [f"  {'✕' if p.severity == 'error' else '!'} {p.message}" for p in found_problems]
    lines += [f"  submitted {job['name']} as {job['job_id']}" for job in jobs]
    return "\n".join(lines)


def _sanitize_json(value: Any) -> Any:
    """Return data about a folder with all text sanitized for sending: a file's name may not be valid text."""
    if isinstance(value, str):
        return sanitize(value, 500)
    if isinstance(value, dict):
        return {key: _sanitize_json(each) for key, each in value.items()}
    return [_sanitize_json(each) for each in value] if isinstance(value, (list, tuple)) else value


def _with_problem(place: Any, problem: str) -> Any:
    return type(place)(place.path, place.folders, place.more, problem)
