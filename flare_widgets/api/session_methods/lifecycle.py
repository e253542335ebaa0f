"""Methods that shut down or restart the system, and wait for it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ...errors import AuthorizationError, FlareError, InvalidArgumentError, JobNotDone, NoConnection, SystemTimeout
from ...formatting.text import sanitize
from ...kit import StartupKit
from .. import commands
from ..dual import dual_method
from ..models import SystemInfo, TargetType
from .core import SessionCore

T = TypeVar("T")

_POLL_INTERVAL_S = 0.5  # seconds between two polls
_QUERY_TIMEOUT_S = 2.0  # seconds that a poll may take
_DEFAULT_TIMEOUT_S = 30.0


class LifecycleMethods(SessionCore):
    """Methods of a session for the processes of the server and of the sites. All need the right to `operate`."""

    @dual_method
    async def restart(
        self,
        target_type: str,
        client_names: list[str] | None = None,
        wait: bool = True,
        timeout: float = _DEFAULT_TIMEOUT_S,
    ) -> dict[str, Any]:
        """Restart the server and all sites, or sites.

        After waiting for the server, the session is closed: open a new one.

        Parameters
        ----------
        target_type
            ``client`` for sites; ``server`` and ``all`` for the server with all its sites.
        client_names
            With ``client``, which sites; all when not given.
        wait
            True to return only when everything restarted is back.
        timeout
            Seconds to wait for the server, and again for the sites.

        Returns
        -------
        dict
            The server's answer before it went down.

        Raises
        ------
        JobNotDone
            Jobs are running: the server refuses.
        AuthorizationError
            The server, or a site when waiting for it, refuses: the role does not permit it.
        SystemTimeout
            It is not back in time; nothing is undone.
        """
        command = commands.restart(target_type, client_names)
        if wait:
            timeout = _parse_timeout(timeout)
        before, registered = await self._read_state_before_restart(target_type) if wait else (None, {})
        result = await self._run_command(command)
        if not wait:
            return result
        _check_refusals(result)
        if target_type == TargetType.CLIENT:
            names = set(client_names or registered)
            await self._wait_until_sites_restarted(
                self.kit, {k: v for k, v in registered.items() if k in names}, timeout
            )
            return result
        kit = self.kit  # with the key, which the session clears at its end
        await SessionCore.close(self)
        await self._wait_until_server_restarted(kit, before.server_info.start_time if before else None, timeout)
        if target_type == TargetType.ALL:
            await self._wait_until_sites_restarted(kit, registered, timeout)
        return result

    @dual_method
    async def shutdown(
        self,
        target_type: str,
        client_names: list[str] | None = None,
        wait: bool = True,
        timeout: float = _DEFAULT_TIMEOUT_S,
    ) -> dict[str, Any]:
        """Shut down the server, sites, or all. FLARE does not start them again.

        After the server is shut down, the session is closed.

        Parameters
        ----------
        target_type
            ``server`` (only when no site is connected any more), ``client`` or ``all``.
        client_names
            With ``client``, which sites; all when not given.
        wait
            True to return only when everything has shut down.
        timeout
            Seconds to wait.

        Returns
        -------
        dict
            The server's answer before it went down.

        Raises
        ------
        JobNotDone
            Jobs are running: the server refuses.
        ClientsStillRunning
            Sites are connected: the server refuses to shut down alone.
        AuthorizationError
            The server, or a site when waiting for it, refuses: the role does not permit it.
        SystemTimeout
            It has not shut down in time; nothing is undone.
        """
        command = commands.shutdown(target_type, client_names)
        if wait:
            timeout = _parse_timeout(timeout)
        result = await self._run_command(command)
        if target_type == TargetType.CLIENT:
            if wait:
                _check_refusals(result)
                await self._wait_until_sites_stopped(self.kit, set(client_names or ()), timeout)
            return result
        kit = self.kit
        await SessionCore.close(self)
        if wait:
            await self._wait_until_server_stopped(kit, timeout)
        return result

    @dual_method
    async def shutdown_system(self) -> None:
        """Shut down the server and all sites. Only for a project admin.

        Raises
        ------
        JobNotDone
            Jobs are running: the server refuses.
        """
        await self._run_command(commands.shutdown(TargetType.ALL))
        if (await self._run_command(commands.admin_check_status())).server_info.status != "stopped":
            raise JobNotDone("there are still running jobs", next_step="Abort them first")

    async def _read_state_before_restart(self, target_type: str) -> tuple[SystemInfo | None, dict[str, str]]:
        try:
            info = await self._run_command(commands.get_system_info())
            return info, await self._run_command(commands.get_registrations())
        except FlareError:
            # A server that cannot report its state may be restarted for that very reason.
            if target_type == TargetType.CLIENT:
                raise
            return None, {}

    async def _wait_until_server_restarted(
        self, kit: StartupKit, previous_start_time: float | None, timeout: float
    ) -> None:
        gone = previous_start_time is None

        async def back() -> str:
            nonlocal gone
            try:
                now = (await self._query_server(kit, commands.get_system_info())).server_info.start_time
            except NoConnection as e:
                gone = True
                return str(e)
            return "" if gone or now != previous_start_time else "the server has not gone down yet"

        await self._wait_until_ready(back, timeout, "the server is not back")

    async def _wait_until_server_stopped(self, kit: StartupKit, timeout: float) -> None:
        async def gone() -> str:
            try:
                await self._query_server(kit, commands.get_system_info())
            except NoConnection:
                return ""
            return "it still answers"

        await self._wait_until_ready(gone, timeout, "the server is not gone")

    async def _wait_until_sites_restarted(
        self, kit: StartupKit, previous_registrations: dict[str, str], timeout: float
    ) -> None:
        async def back() -> str:
            now = await self._query_server(kit, commands.get_registrations())
            missing = [name for name, then in previous_registrations.items() if now.get(name) in (None, then)]
            return f"missing: {', '.join(sorted(missing))}" if missing else ""

        await self._wait_until_ready(back, timeout, "not all sites are back")

    async def _wait_until_sites_stopped(self, kit: StartupKit, names: set[str], timeout: float) -> None:
        async def gone() -> str:
            connected = {c.name for c in (await self._query_server(kit, commands.get_system_info())).client_info}
            left = connected & names if names else connected
            return f"still connected: {', '.join(sorted(left))}" if left else ""

        await self._wait_until_ready(gone, timeout, "not all sites are gone")

    async def _query_server(self, kit: StartupKit, command: commands.Command[T]) -> T:
        """Query the server over a separate connection: the session's says nothing about a restarted server."""

        async def look() -> T:
            from ...wire.reconnecting import ReconnectingConnection

            connection = ReconnectingConnection(kit, self.study)
            try:
                link = await connection.open(_QUERY_TIMEOUT_S, wait_for_ready=False)
                return command.parse_reply(await link.execute(command.line, _QUERY_TIMEOUT_S))
            finally:
                await connection.close()

        return await self._run_on_io_thread(look())

    async def _wait_until_ready(
        self, get_pending_reason: Callable[[], Awaitable[str]], timeout: float, failure_message: str
    ) -> None:
        """Call `get_pending_reason` until it returns no reason to keep waiting.

        Raises
        ------
        SystemTimeout
            That took too long; the message has `failure_message` and the last reason.
        """
        deadline = time.monotonic() + timeout
        reason = ""
        while time.monotonic() < deadline:
            try:
                reason = await get_pending_reason()
            except FlareError as e:
                reason = str(e)
            else:
                if not reason:
                    return
            await self._sleep(max(0.0, min(_POLL_INTERVAL_S, deadline - time.monotonic())))
        raise SystemTimeout(f"{failure_message} after {timeout:g} s ({reason})")


def _check_refusals(result: dict[str, Any]) -> None:
    """Raise the refusal of a site with its own policy, which the server passes on as a success."""
    answers = result.get("client_status")
    for site, answer in answers.items() if isinstance(answers, dict) else ():
        if isinstance(answer, str) and "not authorized" in answer.lower():
            name = sanitize(str(site), 60)
            raise AuthorizationError(f"{name}: {sanitize(answer, 300)}", site=name)


def _parse_timeout(timeout: Any) -> float:
    try:
        seconds = float(timeout)
    except (TypeError, ValueError):
        seconds = 0.0
    if not seconds > 0:
        raise InvalidArgumentError(
            f"timeout must be a number of seconds > 0, not {timeout!r}; without wait=True it has no effect"
        )
    return seconds
