"""The form that submits a job: pick a folder, see what will be sent and what is wrong with it, send it."""

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
from ...api.permissions import refusal
from ...api.session import Session
from ...api.transfer.job_folder import JobFolder, Problem, problems, read_job_folder
from ...formatting.text import SHORT_ID, clean, size
from ..core.actions import Action, Actions, Doing
from ..core.live_view import LiveView
from ..core.output_handles import Slot
from .folders import Listing, is_job, look
from .html import submit_html

_STATIC = Path(__file__).parents[1] / "static"

log = logging.getLogger("flare_widgets")


class SubmitForm(LiveView):
    """A form that submits a job folder of the machine the kernel runs on.

    Nothing is written into the folder. Once a job is submitted, it is shown below the form.

    Parameters
    ----------
    session
        With whom to submit, and in which study.
    folder
        Where to start: a job folder, or one to look for such in; the working directory when not given.
    opened
        Called with the id of each new job, in a thread; returns the view of it to be shown below, or None.

    Attributes
    ----------
    session_facts : dict
        ``username, address, study``.
    place : dict
        What the folder browser shows; see :meth:`.Listing.to_json`.
    job : dict
        What will be sent (:meth:`.JobFolder.to_json`), with ``problems``; empty while no folder is chosen.
    actions : list
        To submit; see :meth:`.Actions.to_json`.
    submitted : list
        The jobs submitted so far, newest first: ``job_id, name, at``.
    """

    _esm = _STATIC / "submit.js"
    _css = _STATIC / "submit.css"

    session_facts = traitlets.Dict().tag(sync=True)
    place = traitlets.Dict().tag(sync=True)
    job = traitlets.Dict().tag(sync=True)
    actions: traitlets.List[Any] = traitlets.List().tag(sync=True)
    submitted: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def __init__(
        self,
        session: Session,
        folder: str | Path | None = None,
        opened: Callable[[str], LiveView | None] = lambda _: None,
    ) -> None:
        self._session = session
        self._opened = opened
        self._slot = Slot()
        self._jobs: list[dict[str, Any]] = []
        self._folder: JobFolder | None = None
        self._connected: tuple[str, ...] | None = None
        self._looks = 0
        start = Path(os.path.abspath(Path(folder or ".").expanduser()))  # noqa: PTH100 - a link must stay one
        chosen = start if folder is not None and is_job(start) else None
        self._listing = Listing(look(start if chosen is None else start.parent))
        if chosen is not None:
            self._folder = read_job_folder(chosen)
        submit = Action(
            "submit",
            "Submit",
            work=self._submit,
            outcome=str,
            why_not=self._grey,
            cancels=True,
        )
        self._actions = Actions([submit], self._request)
        # A session that is over says so at once, and the form ends before it has the means to unsubscribe.
        self._end_with_session: Callable[[], None] = lambda: None
        super().__init__()
        self._end_with_session = session.subscribe(lambda _: self._request())
        self._ask_who_is_connected()

    # -- the forms -----------------------------------------------------------------------------------------

    def _facts(self) -> dict[str, Any]:
        kit = self._session.kit
        return {
            "session_facts": {
                "username": clean(kit.username),
                "address": clean(kit.address),
                "study": clean(self._session.study),
            },
            "place": self._listing.to_json(),
            "job": {} if self._folder is None else self._job_json(self._folder),
            "actions": [] if self._frozen else self._actions.to_json(),
            "submitted": list(self._jobs),
        }

    def _job_json(self, folder: JobFolder) -> dict[str, Any]:
        found = folder.to_json()
        del found["remarks"]
        wrong = [{"severity": p.severity, "words": p.words} for p in self._problems(folder)]
        return {**_printable(found), "problems": wrong}

    def _problems(self, folder: JobFolder) -> tuple[Problem, ...]:
        return problems(folder, self._connected)

    def _forms(self) -> dict[str, str]:
        wrong = () if self._folder is None else self._problems(self._folder)
        session = self._session
        return {
            "text/plain": describe_form(self._folder, wrong, session, self._jobs),
            "text/html": submit_html(
                self._folder,
                wrong,
                [clean(session.kit.username), clean(session.kit.address), f"study {clean(session.study)}"],
                self._jobs,
                time.time(),
            ),
        }

    def _done(self) -> bool:
        return self._session.closed and not self._actions.busy("submit")

    def _release(self) -> None:
        self._end_with_session()

    def show(self) -> None:
        """Show the form in the current cell, with room for jobs below; in a terminal, print its text."""
        super().show()
        self._slot.show()

    def _ipython_display_(self) -> None:
        if not self._outputs.repeated():
            self._outputs.show(*self._repr_mimebundle_())
            self._slot.show()

    # -- the user's wishes ---------------------------------------------------------------------------------

    def _wish(self, wish: dict[str, Any]) -> None:
        if self._frozen or self._actions.wish(wish):
            return
        match wish:
            case {"kind": "go", "id": number}:
                path = self._listing.path_of(number)
                if path is not None:
                    self._soon(path)
            case {"kind": "type", "path": str() as typed} if typed.strip() and "\0" not in typed:
                # From the place shown: that is what a user sees beside the field.
                place = self._listing.place.path
                at = os.path.expanduser(typed.strip())  # noqa: PTH111 - an unknown user's is no error, but not there
                self._soon(Path(os.path.abspath(place / at)))  # noqa: PTH100
            case {"kind": "again" | "back"} if self._actions.busy("submit"):
                pass  # what is being sent stays in sight until it is
            case {"kind": "again"}:
                if self._folder is not None:
                    self._soon(Path(self._folder.path))
                self._ask_who_is_connected()
            case {"kind": "back"}:
                self._folder = None
                self._actions.reset("submit")
                self._soon(self._listing.place.path)

    def _soon(self, path: Path) -> None:
        """Look at a folder, in a thread: a disk may be slow. Only the newest look counts."""
        with self._state_lock:
            self._looks += 1
            turn = self._looks
        threading.Thread(target=self._look, args=(path, turn), name="flare-folders", daemon=True).start()

    def _look(self, path: Path, turn: int) -> None:
        job = read_job_folder(path) if is_job(path) else None
        listing = Listing(look(path)) if job is None else None
        with self._state_lock:
            if turn != self._looks or self._actions.busy("submit"):
                return
            if listing is not None:
                # What cannot be gone to leaves the place as it was, with the reason.
                if listing.place.problem:
                    listing = Listing(_with_problem(look(self._listing.place.path), listing.place.problem))
                self._listing, self._folder = listing, None
            else:
                self._folder = job
            self._actions.reset("submit")
        self._request()

    def _ask_who_is_connected(self) -> None:
        def note(future: concurrent.futures.Future[Any]) -> None:
            if not future.cancelled() and future.exception() is None:
                self._connected = tuple(client.name for client in future.result().client_info)
                self._request()

        if not self._session.closed:
            self._session.start(commands.get_system_info()).add_done_callback(note)

    def _grey(self) -> str:
        if refused := refusal(self._session, "submit_job"):
            return refused
        if self._session.closed:
            return "the session has ended: connect again"
        if self._folder is None:
            return "choose a job folder first"
        if any(problem.severity == "error" for problem in self._problems(self._folder)):
            return "mend what is wrong with the folder first, then look again"
        return ""

    def _submit(self, doing: Doing) -> str:
        folder = self._folder
        assert folder is not None, "greyed while there is none"
        job_id = self._session.submit_job(folder.path, progress=doing.transfer("sending"))
        self._jobs = [{"job_id": clean(job_id), "name": clean(folder.name), "at": time.time()}, *self._jobs]
        try:
            view = self._opened(job_id)
            if view is not None:
                self._slot.fill(view._outputs, *view._repr_mimebundle_())
        except Exception:
            # The job is submitted, whatever becomes of its picture.
            log.exception("the view of job %s could not be shown", job_id)
        return f"submitted as job {clean(job_id[:SHORT_ID])}"


def describe_form(
    folder: JobFolder | None, wrong: tuple[Problem, ...], session: Session, jobs: list[dict[str, Any]]
) -> str:
    """Return the form as text: what would be sent, what is wrong with it, what was submitted."""
    kit = session.kit
    lines = [f"submit a job  {clean(kit.username)}  →  {clean(kit.address)}  study {clean(session.study)}"]
    if folder is None:
        lines.append("  no folder chosen")
    else:
        files = f"{folder.count} {'file' if folder.count == 1 else 'files'}, {size(folder.size)}"
        lines.append(f"  {clean(folder.name, 60)}  {clean(folder.path, 300)}  {files}")
        lines += [f"  {'✕' if p.severity == 'error' else '!'} {p.words}" for p in wrong]
    lines += [f"  submitted {job['name']} as {job['job_id']}" for job in jobs]
    return "\n".join(lines)


def _printable(value: Any) -> Any:
    """Return what was found in a folder with all words fit to be sent: a file's name may be no text at all."""
    if isinstance(value, str):
        return clean(value, 500)
    if isinstance(value, dict):
        return {key: _printable(each) for key, each in value.items()}
    return [_printable(each) for each in value] if isinstance(value, (list, tuple)) else value


def _with_problem(place: Any, problem: str) -> Any:
    return type(place)(place.path, place.folders, place.more, problem)
