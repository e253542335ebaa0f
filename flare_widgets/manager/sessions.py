"""The sessions of a process."""

from __future__ import annotations

import re
import threading
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import traitlets

from ..api import Session, connect
from ..errors import InvalidArgumentError
from ..formatting.text import did_you_mean, sanitize
from ..kit import StartupKit
from .managed import ManagedSession

_UNSAFE_CHARACTER = re.compile(r"[^\w.@:+/-]")
_NAME_PATTERN = re.compile(r"[\w][\w.@:+/-]{0,99}")


class SessionManager(traitlets.HasTraits):
    """Multiple named sessions, one of them current.

    Sessions are closed by :meth:`close`, when the manager is garbage-collected, and when the process ends. Methods may
    be called from any thread; observers are called in the thread that made the change.

    Attributes
    ----------
    sessions : dict of str to ManagedSession
        The sessions by name, in the order they were opened; a new dict at each change, so that observers are
        notified. A session that ended by itself stays until it is closed, since the user may ask for the reason.
    current : str
        The name of the current session; empty if there is none.
    read_only : bool
        True if all sessions refuse mutating commands; see :attr:`.Session.read_only`. Writable.

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
        self._sessions_by_name: dict[str, ManagedSession] = {}  # for the finalizer, which must not hold this object
        weakref.finalize(self, _close_sessions, self._sessions_by_name)

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

        If an equivalent session (the same kit, study and, if given, name) is open already, it is returned: a cell that
        connects may run again, and views of the session stay live.

        Parameters
        ----------
        kit
            The startup kit: its folder, or the ``startup`` folder in it.
        name
            The session's name; if not given, user, server and study, such as ``admin@fl.example.org``.
        study
            The study that submitted jobs belong to, and whose jobs are listed.
        timeout
            Seconds to keep trying.
        poll_interval
            Seconds between two polls of a watched job; if not given, chosen by how often something may have changed.

        Raises
        ------
        InvalidArgumentError
            The name is invalid, or another session has it.
        FlareError
            The session cannot be opened; see :func:`.connect`. Other open sessions are not affected.
        """
        if name is not None and not _NAME_PATTERN.fullmatch(name):
            raise InvalidArgumentError(
                f"invalid session name {sanitize(name, 50)!r}: use letters, digits and . _ - @ : + /"
            )
        loaded = StartupKit.load(kit)
        existing = self._find_existing(loaded, name, study)
        if existing is not None:
            existing.session.try_connect(timeout)
            self._update_traits(existing.name)
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
        """Take over an open session, and make it the current one; parameters as of :meth:`open`.

        Raises
        ------
        InvalidArgumentError
            Another session has the name; then this one is closed.
        """
        kit = kit or session.kit
        with self._lock:
            if (
                name is not None
                and (taken := self._sessions_by_name.get(name)) is not None
                and not taken.session.closed
            ):
                session.close()
                raise _name_taken_error(name, taken)
            session.read_only = self.read_only
            managed = ManagedSession(name or self._pick_free_name(kit, session.study), session, kit, poll_interval)
            ended = self._sessions_by_name.pop(managed.name, None)
            self._sessions_by_name[managed.name] = managed
            self._update_traits(managed.name)
        if ended is not None:
            ended.close()
        return managed

    def use(self, name: str) -> ManagedSession:
        """Make a session the current one.

        Raises
        ------
        InvalidArgumentError
            There is no session of this name.
        """
        with self._lock:
            managed = self[name]
            self._update_traits(name)
            return managed

    def close(self, name: str | None = None) -> ManagedSession:
        """Log out and close a session, the current one if no name is given. Jobs continue.

        If it was current, no session is afterwards: the next command must not reach another server by surprise.

        Raises
        ------
        InvalidArgumentError
            There is no session of this name, or none is current.
        """
        with self._lock:
            managed = self[self.current if name is None else name]
            del self._sessions_by_name[managed.name]
            self._update_traits("" if managed.name == self.current else self.current)
        managed.close()
        return managed

    def close_all(self) -> list[ManagedSession]:
        """Close all sessions and return them."""
        with self._lock:
            closed = list(self._sessions_by_name.values())
            self._sessions_by_name.clear()
            self._update_traits("")
        for managed in closed:
            managed.close()
        return closed

    @property
    def current_session(self) -> ManagedSession | None:
        """The current session; None if there is none."""
        return self._sessions_by_name.get(self.current)

    def __getitem__(self, name: str) -> ManagedSession:
        """Return the session of this name; raise InvalidArgumentError, with a suggestion, if there is none."""
        found = self._sessions_by_name.get(name)
        if found is None:
            raise InvalidArgumentError(_describe_unknown_name(name, self._sessions_by_name))
        return found

    def __len__(self) -> int:
        return len(self._sessions_by_name)

    def __bool__(self) -> bool:
        return True  # a manager without sessions is truthy, too

    def __repr__(self) -> str:
        return f"<SessionManager {', '.join(self._sessions_by_name) or 'without sessions'}>"

    @traitlets.observe("read_only")
    def _on_read_only(self, change: Any) -> None:
        with self._lock:
            for managed in self._sessions_by_name.values():
                managed.session.read_only = change.new

    def _find_existing(self, kit: StartupKit, name: str | None, study: str) -> ManagedSession | None:
        with self._lock:
            if name is None:
                return next((m for m in self._sessions_by_name.values() if m.matches(kit, study)), None)
            found = self._sessions_by_name.get(name)
            if found is None or found.session.closed:
                return None
            if not found.matches(kit, study):
                raise _name_taken_error(name, found)
            return found

    def _pick_free_name(self, kit: StartupKit, study: str) -> str:
        taken = {name for name, managed in self._sessions_by_name.items() if not managed.session.closed}
        return pick_free_name(make_default_name(kit.username, kit.host, study), taken)

    def _update_traits(self, current: str) -> None:
        with self._lock, self.hold_trait_notifications():
            self.set_trait("sessions", dict(self._sessions_by_name))
            self.set_trait("current", current)


def make_default_name(username: str, host: str, study: str) -> str:
    """Return the default name of a session: ``admin@fl.example.org``, ``admin@localhost/heart``.

    A user's name is mostly an e-mail address, whose host is not the server's.
    """
    user = username.partition("@")[0] or "user"
    name = f"{user}@{host}" + (f"/{study}" if study != "default" else "")
    return _UNSAFE_CHARACTER.sub("-", sanitize(name, 80)).lstrip(".@:+/-") or "session"


def pick_free_name(name: str, taken: Iterable[str]) -> str:
    """Return `name`, with a number appended if it is taken."""
    names = set(taken)
    number, free = 1, name
    while free in names:
        number += 1
        free = f"{name}-{number}"
    return free


def _name_taken_error(name: str, managed: ManagedSession) -> InvalidArgumentError:
    session = managed.session
    return InvalidArgumentError(
        f"the name {name!r} is taken by the session of {sanitize(session.username)} on {session.kit.address}, "
        f"study {session.study}: "
        "close it first, or choose another name"
    )


def _describe_unknown_name(name: str, existing: Iterable[str]) -> str:
    names = list(existing)
    if not names:
        return "no session is open"
    if not name:
        return f"no current session; open sessions: {', '.join(names)}"
    hint = did_you_mean(name, names) or f"open sessions: {', '.join(names)}"
    return f"unknown session {sanitize(name, 50)!r}: {hint}"


def _close_sessions(sessions: dict[str, Any]) -> None:
    for managed in sessions.values():
        managed.close()
    sessions.clear()
