"""Methods for studies: named groups of sites and users."""

from __future__ import annotations

from typing import Any

from .. import commands
from ..dual import dual_method
from .core import SessionCore


class StudyMethods(SessionCore):
    """Methods of a session for studies. Permitted by role, not by the policy: for project admins and org admins.

    Raises
    ------
    InvalidArgumentError
        An argument is invalid; nothing was sent.
    CommandError
        The server refuses: its `error_code` (``STUDY_NOT_FOUND``, ...), `hint` and `exit_code` give details.
    """

    @dual_method
    async def register_study(
        self, study: str, sites: list[str] | None = None, site_orgs: list[str] | None = None
    ) -> dict[str, Any]:
        """Create a study.

        Parameters
        ----------
        study
            Its name: lowercase letters, digits, underscores and hyphens.
        sites
            Sites of the user's organization: for an org admin.
        site_orgs
            Sites by organization, each entry as ``org:site-1,site-2``: for a project admin.

        Returns
        -------
        dict
            ``name, site_orgs, sites, users`` of the study, as it is now.
        """
        return await self._run_command(commands.register_study(study, sites, site_orgs))

    @dual_method
    async def add_study_site(
        self, study: str, sites: list[str] | None = None, site_orgs: list[str] | None = None
    ) -> dict[str, Any]:
        """Add sites to a study; arguments as in :meth:`register_study`."""
        return await self._run_command(commands.add_study_site(study, sites, site_orgs))

    @dual_method
    async def remove_study_site(
        self, study: str, sites: list[str] | None = None, site_orgs: list[str] | None = None
    ) -> dict[str, Any]:
        """Remove sites from a study; arguments as in :meth:`register_study`."""
        return await self._run_command(commands.remove_study_site(study, sites, site_orgs))

    @dual_method
    async def remove_study(self, study: str) -> dict[str, Any]:
        """Remove a study; for a project admin."""
        return await self._run_command(commands.remove_study(study))

    @dual_method
    async def list_studies(self) -> dict[str, Any]:
        """Return the studies that the user may see; for every role.

        Returns
        -------
        dict
            ``identity`` (``name, org, role`` of the user), ``studies`` and ``study_details``.
        """
        return await self._run_command(commands.list_studies())

    @dual_method
    async def show_study(self, study: str) -> dict[str, Any]:
        """Return the sites and the users of a study."""
        return await self._run_command(commands.show_study(study))

    @dual_method
    async def add_study_user(self, study: str, user: str) -> dict[str, Any]:
        """Add a user to a study."""
        return await self._run_command(commands.add_study_user(study, user))

    @dual_method
    async def remove_study_user(self, study: str, user: str) -> dict[str, Any]:
        """Remove a user from a study."""
        return await self._run_command(commands.remove_study_user(study, user))
