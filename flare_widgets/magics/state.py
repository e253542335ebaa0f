"""The state that the verbs share between cells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from ..api.saved_results import RESULTS_FOLDER
from ..config import FlareWidgets
from ..manager import ManagedSession, SessionManager
from ..manager.kits import find_kit_folders

if TYPE_CHECKING:
    from ..api import Session
    from ..federation import LocalFederation
    from ..kit import StartupKit
    from ..monitoring import Monitor

_CONNECT_HINT = "use %flare connect KIT, or %flare up for a federation on this machine"


class MagicsState:
    """The sessions, the settings, and the federations that were started.

    Parameters
    ----------
    config
        The settings.
    variables
        The notebook's variables.

    Attributes
    ----------
    manager
        The sessions.
    """

    def __init__(self, config: FlareWidgets, variables: Mapping[str, Any] | None = None) -> None:
        self.config = config
        self.variables: Mapping[str, Any] = {} if variables is None else variables
        self.manager = SessionManager()
        self._federations: dict[str, LocalFederation] = {}
        self.manager.read_only = config.read_only
        config.observe(lambda change: setattr(self.manager, "read_only", change.new), "read_only")

    @property
    def federations(self) -> dict[str, LocalFederation]:
        """The running local federations, by name."""
        for name in [name for name, federation in self._federations.items() if not federation.running]:
            del self._federations[name]
        return self._federations

    @property
    def managed_session(self) -> ManagedSession:
        """The session that verbs use, with its name and its monitor.

        Raises
        ------
        UsageError
            There is none, or it has ended.
        """
        managed = self.manager.current_session
        if managed is None:
            others = list(self.manager.sessions)
            if others:
                raise UsageError(f"no current session: choose one with %flare use NAME ({', '.join(others)})")
            raise UsageError(f"not connected: {_CONNECT_HINT}")
        if managed.session.closed:
            raise UsageError(f"the session {managed.name} has ended: {_CONNECT_HINT}")
        return managed

    @property
    def session(self) -> Session:
        """The session that verbs use; raises as :attr:`managed_session`."""
        return self.managed_session.session

    @property
    def monitor(self) -> Monitor:
        """The monitor of the session."""
        return self.managed_session.monitor

    @property
    def kit(self) -> StartupKit:
        """The startup kit of the session, also of one that has ended, since the user may ask for the reason.

        Raises
        ------
        UsageError
            There has been no session.
        """
        managed = self.manager.current_session
        if managed is None:
            raise UsageError(
                "which startup kit? Pass its folder: %flare check KIT (%flare kits lists the kits it finds)"
            )
        return managed.session.kit

    @property
    def kit_search_folders(self) -> list[str | Path]:
        """The folders in which startup kits are searched, besides those around the notebook."""
        own = [federation.folder / "kits" for federation in self.federations.values()]
        return [*self.config.kit_folders, *own]

    @property
    def results_folder(self) -> str:
        """The folder for the results of jobs."""
        return self.config.download_folder or RESULTS_FOLDER

    def find_kit_folders(self, timeout_s: float = 2.0) -> list[Path]:
        """Return the folders of the startup kits that a name may refer to."""
        return find_kit_folders(self.kit_search_folders, ".", timeout_s)

    def find_job_id(self, id_or_name: str | None) -> str:
        """Return the id of a job.

        Parameters
        ----------
        id_or_name
            Its id, the beginning of its id, or its name; None for the last job.

        Raises
        ------
        UsageError
            No job was given, and none was submitted or watched before.
        JobNotFound
            No job, or more than one, has such an id or name.
        """
        managed = self.managed_session
        if id_or_name is None and managed.last_job_id is None:
            raise UsageError("which job? Pass an id or a name (%flare jobs lists them)")
        return managed.find_job_id(id_or_name)
