"""What the verbs share between cells."""

from __future__ import annotations

from IPython.core.error import UsageError

from ..api import Session
from ..federation import LocalFederation
from ..kit import StartupKit
from ..monitoring import Monitor


class State:
    """One session with its monitor, one federation, the last job.

    Attributes
    ----------
    federation
        The one that ``%flare up`` started, None while there is none.
    last_job
        The job submitted, cloned or watched last.
    """

    def __init__(self) -> None:
        self.federation: LocalFederation | None = None
        self.last_job: str | None = None
        self._session: Session | None = None
        self._monitor: Monitor | None = None

    @property
    def session(self) -> Session:
        """The session.

        Raises
        ------
        UsageError
            There is none.
        """
        if self._session is None or self._session.closed:
            why = "there is no session" if self._session is None else "the session has ended"
            raise UsageError(f"{why}: %flare connect KIT, or %flare up for a federation on this machine")
        return self._session

    @property
    def kit(self) -> StartupKit:
        """The startup kit of the session, also of one that has ended: why it did may be the question.

        Raises
        ------
        UsageError
            There was none.
        """
        if self._session is None:
            raise UsageError("which startup kit? Give its folder: %flare check KIT")
        return self._session.kit

    @property
    def monitor(self) -> Monitor:
        """The session's monitor."""
        session = self.session
        if self._monitor is None or self._monitor.session is not session:
            self._monitor = Monitor(session)
        return self._monitor

    def use(self, session: Session) -> None:
        """Make `session` the one that verbs work with; the one before is closed."""
        self.close_session()
        self._session = session
        self.last_job = None

    def close_session(self) -> Session | None:
        """Close the session, if there is one, and return it."""
        session, self._session = self._session, None
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None
        if session is not None:
            session.close()
        return session

    def job(self, prefix: str | None) -> str:
        """Return the id of the job whose id begins with `prefix`; the last job's when that is None.

        Raises
        ------
        UsageError
            No job was named, and none was submitted or watched before.
        JobNotFound
            No job, or more than one, has such an id.
        """
        if prefix is None:
            if self.last_job is None:
                raise UsageError("which job? Give its id (%flare jobs lists them)")
            return self.last_job
        return self.session.job(prefix).id
