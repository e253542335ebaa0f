"""Methods that remove, disable and enable sites."""

from __future__ import annotations

from typing import Any

from .. import commands
from ..dual import dual_method
from .core import SessionCore


class SiteMethods(SessionCore):
    """Methods of a session for the membership of sites. All need the right to `operate`.

    Raises
    ------
    ValueError
        The name is invalid.
    """

    @dual_method
    async def remove_client(self, client_name: str) -> None:
        """Make the server forget that a site is connected.

        The site is not stopped and may return: when it notices, it registers again. To keep it out, use
        :meth:`disable_client`.

        Raises
        ------
        InvalidTarget
            No such site is connected.
        """
        await self._run_command(commands.remove_client(client_name))

    @dual_method
    async def disable_client(self, client_name: str) -> dict[str, Any]:
        """Disable a site: it is disconnected and cannot register again. Its certificate stays valid.

        Also accepts names that no site has (yet).

        Returns
        -------
        dict
            ``clients``: a list with a dict of ``client_name, state, already_disabled, active_session_removed,
            credential_revoked, rejoin_allowed``.
        """
        return await self._run_command(commands.disable_client(client_name))

    @dual_method
    async def enable_client(self, client_name: str) -> dict[str, Any]:
        """Re-enable a site that :meth:`disable_client` disabled; it reconnects by itself.

        Returns
        -------
        dict
            ``clients``: a list with a dict of ``client_name, state, was_disabled, credential_revoked,
            rejoin_allowed``.
        """
        return await self._run_command(commands.enable_client(client_name))
