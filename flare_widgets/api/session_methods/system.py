"""Methods for the server and the sites: status, jobs, environment, resources, versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import commands
from ..dual import dual_method
from ..models import ClientInfo, SystemInfo
from .core import SessionCore


class SystemMethods(SessionCore):
    """Methods of a session that query the server and the sites."""

    @dual_method
    async def get_system_info(self) -> SystemInfo:
        """Return the server's state, the connected sites and the running jobs."""
        return await self._run_command(commands.get_system_info())

    @dual_method
    async def get_connected_client_list(self) -> list[ClientInfo]:
        """Return the connected sites, each with the time it was last seen by the server. Needs the right to `view`."""
        return (await self._run_command(commands.get_system_info())).client_info

    @dual_method
    async def check_status(self, target_type: str, targets: list[str] | None = None) -> dict[str, Any]:
        """Return the state of the server, of sites or of all, as the server words it. Needs the right to `view`.

        Parameters
        ----------
        target_type
            ``server``, ``client`` or ``all``.
        targets
            With ``client``, the names of sites; all when not given.

        Returns
        -------
        dict
            For the server ``server_status``, ``server_start_time`` (seconds since the epoch), ``jobs`` and
            ``clients``; for sites ``client_status``, as in :meth:`get_client_job_status`.

        Raises
        ------
        ValueError, SyntaxError
            The target type, or the targets, are invalid; nothing was sent.
        InvalidTarget, NoClientsAvailable
            There is no such site, or none at all.
        """
        return await self._run_command(commands.check_status(target_type, targets))

    @dual_method
    async def get_client_job_status(self, client_names: list[str] | None = None) -> list[dict[str, Any]] | None:
        """Return the jobs that each site runs. Needs the right to `view`.

        Parameters
        ----------
        client_names
            The sites to ask; all when not given.

        Returns
        -------
        list of dict or None
            One dict per job: ``client_name, app_name, job_id`` and ``status`` (``starting``, ``started``,
            ``stopped``); for a site without jobs ``client_name`` and ``status`` ``no_jobs``, for one that did not
            answer the server ``no_reply``.
        """
        return await self._run_command(commands.get_client_job_status(client_names))

    @dual_method
    async def get_client_env(self, client_names: str | list[str] | None = None) -> list[dict[str, Any]]:
        """Return the environment of sites. Needs the right to `operate`.

        Parameters
        ----------
        client_names
            A site, or several; all when not given.

        Returns
        -------
        list of dict
            ``site_name, workspace, secure_mode, root_url``, one dict per site.
        """
        return await self._run_command(commands.report_env(client_names))

    @dual_method
    async def report_resources(self, target_type: str, targets: list[str] | None = None) -> dict[str, Any]:
        """Return the resources that each target offers to jobs; arguments as in :meth:`check_status`.

        Needs the right to `operate`.

        Returns
        -------
        dict
            A free-form text by target name; ``unlimited`` for the server.
        """
        return await self._run_command(commands.report_resources(target_type, targets))

    @dual_method
    async def report_version(self, target_type: str, targets: list[str] | None = None) -> dict[str, Any]:
        """Return the version of NVIDIA FLARE that each target runs; arguments as in :meth:`check_status`.

        Needs the right to `report_version`, which only a project admin has by default.

        Returns
        -------
        dict
            ``{"version": "2.9.0"}`` by target name.
        """
        return await self._run_command(commands.report_version(target_type, targets))

    @dual_method
    async def get_available_apps_to_upload(self) -> list[str]:
        """Return the names of the folders in `upload_dir`, on this machine; the server is not asked."""
        return await self._run_blocking(_list_folders, self.kit.upload_dir)


def _list_folders(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []
