"""Sites: let go of, shut out, let in again."""

from __future__ import annotations

from typing import Any

from .. import commands
from ..dual import method
from .core import Methods


class SiteMethods(Methods):
    """What a session can do to the membership of sites. All of it needs the right to `operate`.

    Raises
    ------
    ValueError
        The name is none.
    """

    @method
    async def remove_client(self, client_name: str) -> None:
        """Make the server forget that a site is connected.

        The site is not stopped and may come back: when it notices, it registers again. To keep it out, use
        :meth:`disable_client`.

        Raises
        ------
        InvalidTarget
            No such site is connected.
        """
        await self._run(commands.remove_client(client_name))

    @method
    async def disable_client(self, client_name: str) -> dict[str, Any]:
        """Shut a site out: its connection is forgotten, and it cannot register again. Its certificate stays valid.

        Works for names that no site has (yet).

        Returns
        -------
        dict
            ``clients``: a list with a dict of ``client_name, state, already_disabled, active_session_removed,
            credential_revoked, rejoin_allowed``.
        """
        return await self._run(commands.disable_client(client_name))

    @method
    async def enable_client(self, client_name: str) -> dict[str, Any]:
        """Let a site in again that :meth:`disable_client` shut out; it registers again by itself.

        Returns
        -------
        dict
            ``clients``: a list with a dict of ``client_name, state, was_disabled, credential_revoked,
            rejoin_allowed``.
        """
        return await self._run(commands.enable_client(client_name))
