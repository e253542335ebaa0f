"""The system brought down, or up again, and waited for."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ...errors import AuthorizationError, FlareError, JobNotDone, NoConnection
from ...formatting.text import clean
from ...kit import StartupKit
from ...wire.reconnecting import Connection
from .. import commands
from ..dual import method
from ..models import SystemInfo, TargetType
from .core import Methods

T = TypeVar("T")

_PAUSE = 0.5  # seconds between two looks
_LOOK = 2.0  # seconds that a look may take
_DEFAULT = 30.0


class StateMethods(Methods):
    """What a session can do to the processes of the server and of the sites. All of it needs the right to `operate`."""

    @method
    async def restart(
        self,
        target_type: str,
        client_names: list[str] | None = None,
        wait: bool = True,
        timeout: float = _DEFAULT,
    ) -> dict[str, Any]:
        """Restart the server and all sites, or sites.

        Having waited for the server, the session is closed: open a new one.

        Parameters
        ----------
        target_type
            ``client`` for sites; ``server`` and ``all`` for the server with all its sites.
        client_names
            With ``client``, which sites; all when not given.
        wait
            Whether to return only when what was restarted is back.
        timeout
            Seconds to wait for the server, and again for the sites.

        Returns
        -------
        dict
            What the server said before it went.

        Raises
        ------
        JobNotDone
            Jobs are running: the server refuses.
        AuthorizationError
            The server, or having been waited for a site, refuses: the role may not.
        TimeoutError
            It is not back in time; nothing is undone.
        """
        command = commands.restart(target_type, client_names)
        if wait:
            timeout = _seconds(timeout)
        before, registered = await self._before_restart(target_type) if wait else (None, {})
        result = await self._run(command)
        if not wait:
            return result
        _check_refusals(result)
        if target_type == TargetType.CLIENT:
            names = set(client_names or registered)
            await self._wait_for_sites(self.kit, {k: v for k, v in registered.items() if k in names}, timeout)
            return result
        kit = self.kit  # with the key, which the session forgets at its end
        await self._end()
        await self._wait_for_server(kit, before.server_info.start_time if before else None, timeout)
        if target_type == TargetType.ALL:
            await self._wait_for_sites(kit, registered, timeout)
        return result

    @method
    async def shutdown(
        self,
        target_type: str,
        client_names: list[str] | None = None,
        wait: bool = True,
        timeout: float = _DEFAULT,
    ) -> dict[str, Any]:
        """End the server, sites, or all. Nothing of FLARE starts them again.

        After the server, the session is closed.

        Parameters
        ----------
        target_type
            ``server`` (when no site is connected any more), ``client`` or ``all``.
        client_names
            With ``client``, which sites; all when not given.
        wait
            Whether to return only when what was ended is gone.
        timeout
            Seconds to wait.

        Returns
        -------
        dict
            What the server said before it went.

        Raises
        ------
        JobNotDone
            Jobs are running: the server refuses.
        ClientsStillRunning
            Sites are connected: the server refuses to go alone.
        AuthorizationError
            The server, or having been waited for a site, refuses: the role may not.
        TimeoutError
            It is not gone in time; nothing is undone.
        """
        command = commands.shutdown(target_type, client_names)
        if wait:
            timeout = _seconds(timeout)
        result = await self._run(command)
        if target_type == TargetType.CLIENT:
            if wait:
                _check_refusals(result)
                await self._wait_for_sites_gone(self.kit, set(client_names or ()), timeout)
            return result
        kit = self.kit
        await self._end()
        if wait:
            await self._wait_for_no_server(kit, timeout)
        return result

    @method
    async def shutdown_system(self) -> None:
        """End the server and all sites. Only for a project admin.

        Raises
        ------
        JobNotDone
            Jobs are running: the server refuses.
        """
        await self._run(commands.shutdown(TargetType.ALL))
        if (await self._run(commands.admin_check_status())).server_info.status != "stopped":
            raise JobNotDone("there are still running jobs: abort them first")

    async def _before_restart(self, target_type: str) -> tuple[SystemInfo | None, dict[str, str]]:
        try:
            info = await self._run(commands.get_system_info())
            return info, await self._run(commands.registrations())
        except FlareError:
            # A server that cannot say how it is may be restarted for just that.
            if target_type == TargetType.CLIENT:
                raise
            return None, {}

    async def _wait_for_server(self, kit: StartupKit, started: float | None, timeout: float) -> None:
        gone = started is None

        async def back() -> str:
            nonlocal gone
            try:
                now = (await self._look(kit, commands.get_system_info())).server_info.start_time
            except NoConnection as e:
                gone = True
                return str(e)
            return "" if gone or now != started else "the server has not gone down yet"

        await self._wait(back, timeout, "the server is not back")

    async def _wait_for_no_server(self, kit: StartupKit, timeout: float) -> None:
        async def gone() -> str:
            try:
                await self._look(kit, commands.get_system_info())
            except NoConnection:
                return ""
            return "it still answers"

        await self._wait(gone, timeout, "the server is not gone")

    async def _wait_for_sites(self, kit: StartupKit, before: dict[str, str], timeout: float) -> None:
        async def back() -> str:
            now = await self._look(kit, commands.registrations())
            missing = [name for name, then in before.items() if now.get(name) in (None, then)]
            return f"missing: {', '.join(sorted(missing))}" if missing else ""

        await self._wait(back, timeout, "not all sites are back")

    async def _wait_for_sites_gone(self, kit: StartupKit, names: set[str], timeout: float) -> None:
        async def gone() -> str:
            connected = {c.name for c in (await self._look(kit, commands.get_system_info())).client_info}
            left = connected & names if names else connected
            return f"still connected: {', '.join(sorted(left))}" if left else ""

        await self._wait(gone, timeout, "not all sites are gone")

    async def _look(self, kit: StartupKit, command: commands.Command[T]) -> T:
        """Ask the server how it is, over a connection of its own: the session's says nothing about a new server."""

        async def look() -> T:
            connection = Connection(kit, self.study)
            try:
                link = await connection.open(_LOOK, patient=False)
                return command.answer(await link.execute(command.line, _LOOK))
            finally:
                await connection.close()

        return await self._io(look())

    async def _wait(self, what: Callable[[], Awaitable[str]], timeout: float, failure: str) -> None:
        """Call `what` until it returns no reason to wait any longer.

        Raises
        ------
        TimeoutError
            That took too long; says `failure` and the last reason.
        """
        deadline = time.monotonic() + timeout
        reason = ""
        while time.monotonic() < deadline:
            try:
                reason = await what()
            except FlareError as e:
                reason = str(e)
            else:
                if not reason:
                    return
            await self._sleep(max(0.0, min(_PAUSE, deadline - time.monotonic())))
        raise TimeoutError(f"{failure} after {timeout:g} s ({reason})")


def _check_refusals(result: dict[str, Any]) -> None:
    """Raise what a site said that judged the user by a policy of its own: the server passes it on as a success."""
    answers = result.get("client_status")
    for site, answer in answers.items() if isinstance(answers, dict) else ():
        if isinstance(answer, str) and "not authorized" in answer.lower():
            raise AuthorizationError(f"{clean(str(site), 60)}: {clean(answer, 300)}")


def _seconds(timeout: Any) -> float:
    try:
        seconds = float(timeout)
    except (TypeError, ValueError):
        seconds = 0.0
    if not seconds > 0:
        raise ValueError(
            f"timeout must be a number of seconds > 0, not {timeout!r}; without wait=True it has no effect"
        )
    return seconds
