"""The sessions of a process."""

from __future__ import annotations

import difflib
import re
import threading
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import traitlets

from ..api import Session, connect
from ..errors import InvalidArgumentError
from ..formatting.text import clean
from ..kit import StartupKit
from .managed import ManagedSession

_NAME = re.compile(r"[\w][\w.@:+/-]{0,99}")


class SessionManager(traitlets.HasTraits):
    """Many sessions at once, each under a name; one is current.

    Sessions are closed by :meth:`close`, when the manager is forgotten, and when the process ends. Methods may be
    called from any thread; observers are called in the thread that changed something.

    Attributes
    ----------
    sessions : dict of str to ManagedSession
        The sessions by their names, in the order they were opened; a new dict at each change, so that observers hear
        of it. A session that ended by itself stays until it is closed: why it ended may be the question.
    current : str
        The name of the one that is worked with; empty while there is none.
    read_only : bool
        Whether all sessions refuse what may change something; see :attr:`.Session.read_only`. It may be set.

    Examples
    --------
    >>> manager = SessionManager()  # doctest: +SKIP
    >>> manager.open("kits/admin@nvidia.com", "hospitals").session.list_jobs()  # doctest: +SKIP
    >>> manager.observe(lambda change: print(change.new), "current")  # doctest: +SKIP
    """

    sessions = traitlets.Dict(read_only=True)
    current = traitlets.Unicode(read_only=True)
    read_only = traitlets.Bool(False)

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.RLock()
        self._open: dict[str, ManagedSession] = {}  # what the finalizer sees: it must not see this object
        weakref.finalize(self, _close, self._open)

    def open(
        self,
        kit: str | Path,
        name: str | None = None,
        *,
        study: str = "default",
        timeout: float = 10.0,
        poll_interval: float | None = None,
    ) -> ManagedSession:
        """Open a session and make it the current one.

        Asked for what is open already (the same kit, study and, if given, name), it is that session: a cell that
        connects may run again, and views of the session live on.

        Parameters
        ----------
        kit
            The startup kit: its folder, or the ``startup`` folder in it.
        name
            What to call the session; when not given, user, server and study, such as ``admin@fl.example.org``.
        study
            The study that submitted jobs belong to, and whose jobs are listed.
        timeout
            Seconds to keep trying.
        poll_interval
            Seconds between two looks at a watched job; when not given, as often as something may have changed.

        Raises
        ------
        InvalidArgumentError
            The name cannot be one, or another session has it.
        FlareError
            The session cannot be opened; see :func:`.connect`. Those that are open stay as they are.
        """
        if name is not None and not _NAME.fullmatch(name):
            raise InvalidArgumentError(
                f"{clean(name, 50)!r} cannot be the name of a session: use letters, digits and . _ - @ : + /"
            )
        loaded = StartupKit.load(kit)
        existing = self._existing(loaded, name, study)
        if existing is not None:
            existing.session.try_connect(timeout)
            self._change(existing.name)
            return existing
        return self.add(connect(kit, study=study, timeout=timeout), name, kit=loaded, poll_interval=poll_interval)

    def add(
        self,
        session: Session,
        name: str | None = None,
        *,
        kit: StartupKit | None = None,
        poll_interval: float | None = None,
    ) -> ManagedSession:
        """Take over a session that is open, and make it the current one; parameters as of :meth:`open`.

        Raises
        ------
        InvalidArgumentError
            Another session has the name; then this one is closed.
        """
        kit = kit or session.kit
        with self._lock:
            if name is not None and (taken := self._open.get(name)) is not None and not taken.session.closed:
                session.close()
                raise _taken(name, taken)
            session.read_only = self.read_only
            managed = ManagedSession(name or self._free_name(kit, session.study), session, kit, poll_interval)
            ended = self._open.pop(managed.name, None)
            self._open[managed.name] = managed
            self._change(managed.name)
        if ended is not None:
            ended.close()
        return managed

    def use(self, name: str) -> ManagedSession:
        """Make a session the current one.

        Raises
        ------
        InvalidArgumentError
            There is none of this name.
        """
        with self._lock:
            managed = self[name]
            self._change(name)
            return managed

    def close(self, name: str | None = None) -> ManagedSession:
        """Log out and close a session, the current one when no name is given. Jobs go on.

        Afterwards none is current if it was: what comes next shall not reach another server by surprise.

        Raises
        ------
        InvalidArgumentError
            There is none of this name, or none is current.
        """
        with self._lock:
            managed = self[self.current if name is None else name]
            del self._open[managed.name]
            self._change("" if managed.name == self.current else self.current)
        managed.close()
        return managed

    def close_all(self) -> list[ManagedSession]:
        """Close all sessions and return them."""
        with self._lock:
            closed = list(self._open.values())
            self._open.clear()
            self._change("")
        for managed in closed:
            managed.close()
        return closed

    @property
    def current_session(self) -> ManagedSession | None:
        """The session that is worked with; None while there is none."""
        return self._open.get(self.current)

    def __getitem__(self, name: str) -> ManagedSession:
        """Return the session of a name; InvalidArgumentError, with a suggestion, when there is none."""
        found = self._open.get(name)
        if found is None:
            raise InvalidArgumentError(_unknown(name, self._open))
        return found

    def __len__(self) -> int:
        return len(self._open)

    def __bool__(self) -> bool:
        return True  # also one without sessions is a manager

    def __repr__(self) -> str:
        return f"<SessionManager {', '.join(self._open) or 'without sessions'}>"

    @traitlets.observe("read_only")
    def _on_read_only(self, change: Any) -> None:
        with self._lock:
            for managed in self._open.values():
                managed.session.read_only = change.new

    def _existing(self, kit: StartupKit, name: str | None, study: str) -> ManagedSession | None:
        with self._lock:
            if name is None:
                return next((m for m in self._open.values() if m.is_for(kit, study)), None)
            found = self._open.get(name)
            if found is None or found.session.closed:
                return None
            if not found.is_for(kit, study):
                raise _taken(name, found)
            return found

    def _free_name(self, kit: StartupKit, study: str) -> str:
        taken = {name for name, managed in self._open.items() if not managed.session.closed}
        return free_name(default_name(kit.username, kit.host, study), taken)

    def _change(self, current: str) -> None:
        with self._lock, self.hold_trait_notifications():
            self.set_trait("sessions", dict(self._open))
            self.set_trait("current", current)


def default_name(username: str, host: str, study: str) -> str:
    """Return what a session is called when nobody gave it a name: ``admin@fl.example.org``, ``admin@localhost/heart``.

    A user's name is mostly an e-mail address, whose host is not the server's.
    """
    user = username.partition("@")[0] or "user"
    name = f"{user}@{host}" + (f"/{study}" if study != "default" else "")
    return re.sub(r"[^\w.@:+/-]", "-", clean(name, 80)).lstrip(".@:+/-") or "session"


def free_name(name: str, taken: Iterable[str]) -> str:
    """Return `name`, with a number behind it if it is taken."""
    names = set(taken)
    number, free = 1, name
    while free in names:
        number += 1
        free = f"{name}-{number}"
    return free


def _taken(name: str, managed: ManagedSession) -> InvalidArgumentError:
    session = managed.session
    return InvalidArgumentError(
        f"{name!r} is the session of {clean(session.username)} with {session.kit.address}, study {session.study}: "
        "close it first, or choose another name"
    )


def _unknown(name: str, known: Iterable[str]) -> str:
    names = list(known)
    if not names:
        return "there is no session"
    if not name:
        return f"no session is current; there are {', '.join(names)}"
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}"
    return f"there is no session {clean(name, 50)!r}: {hint}"


def _close(sessions: dict[str, Any]) -> None:
    for managed in sessions.values():
        managed.close()
    sessions.clear()
