"""The FLARE API: a session with a FLARE server.

A drop-in for ``nvflare.fuel.flare_api.flare_api``: the same names, parameters, defaults, return values and
exceptions, without ``nvflare``. Methods are synchronous and may be called from any thread; an interrupt leaves
them at once and the session stays usable.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import itertools
import logging
import os
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from ..errors import (
    ConfigError,
    FLCommunicationError,
    InternalError,
    InvalidArgumentError,
    InvalidJobDefinition,
    JobTimeout,
    NoConnection,
    SessionClosed,
)
from ..kit import StartupKit
from ..wire import loop
from ..wire.connection import Connection
from ..wire.link import Link
from . import commands, packing, transfer
from .commands import Command
from .info import MonitorReturnCode, SystemInfo
from .jobs import is_terminal

log = logging.getLogger("flare_widgets.api")

T = TypeVar("T")

COMMAND_TIMEOUT = 5.0
"""Seconds to wait for an answer, unless :meth:`Session.set_timeout` says otherwise."""

_BACKOFF = 0.5
_CLOSE = 0.1  # seconds close() waits for the farewell; the I/O thread finishes it


class Session:
    """A session of one user with one server. Made by :func:`.new_secure_session` or :func:`flare_widgets.connect`.

    Parameters
    ----------
    username
        The user's name. The server believes only the certificate, so an empty name means the certificate's.
    startup_path
        The startup kit: its folder, or the ``startup`` folder in it.
    secure_mode
        Whether the connection must be under TLS; if not, it still is unless the startup kit says otherwise.
    debug
        Accepted for compatibility; set the level of the logger ``flare_widgets`` instead.
    study
        The study that submitted jobs belong to, and whose jobs are listed.

    Raises
    ------
    ConfigError, InvalidCertChain
        The startup kit cannot be used.
    ValueError
        The study's name is not permitted.
    """

    def __init__(
        self,
        username: str,
        startup_path: str | Path,
        secure_mode: bool = True,
        debug: bool = False,
        study: str = "default",
    ) -> None:
        if not isinstance(study, str) or not commands.STUDY.fullmatch(study):
            raise ValueError(
                f"study name {study!r} contains unsupported characters. "
                "Use only lowercase letters, numbers, underscores, and hyphens"
            )
        self.kit = StartupKit.load(startup_path)
        if username and username != self.kit.username and self.kit.uid_source != "cert":
            raise FLCommunicationError(
                f"the startup kit {self.kit.root} belongs to {self.kit.username}, not to {username}. "
                "Give that name, or the other user's kit"
            )
        if self.kit.connection_security == "clear":
            if secure_mode:
                raise ConfigError(
                    f"the startup kit {self.kit.root} asks for a connection without TLS (connection_security 'clear'), "
                    "in which others can read along and act as you. If that is what you want: new_insecure_session, "
                    "or connect(kit, allow_clear=True)"
                )
            log.warning("the connection to %s is without TLS: others can read along and act as you", self.kit.address)
        self.debug = debug
        self._connection = Connection(self.kit, study)
        self._timeout: float | None = None
        self._pid = os.getpid()
        # Also when the session is forgotten, or the process ends, the server is told.
        self._farewell = weakref.finalize(self, _farewell, self._connection, self._pid)

    @property
    def username(self) -> str:
        """The user's name, as the certificate has it."""
        return self.kit.username

    @property
    def study(self) -> str:
        """The study of the session."""
        return self._connection.study

    @property
    def upload_dir(self) -> str:
        """Where :meth:`submit_job` looks for a relative path that does not exist in the working directory."""
        return str(self.kit.upload_dir)

    @property
    def download_dir(self) -> str:
        """Where results go when no destination is given."""
        return str(self.kit.download_dir)

    @property
    def closed(self) -> bool:
        """Whether the session has ended, here or on the server."""
        return self._connection.closed

    def try_connect(self, timeout: float) -> None:
        """Connect and log in.

        Parameters
        ----------
        timeout
            Seconds to keep trying.

        Raises
        ------
        NoConnection, ServerIdentityError, AuthenticationError, FLCommunicationError
            See there.
        """
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout <= 0:
            raise ValueError(f"timeout must be a number > 0 but got {timeout!r}")
        self._check_process()
        loop.run(self._connection.open(timeout))

    def close(self) -> None:
        """Log out and close. May be called at any time, from any thread, more than once."""
        self._farewell()

    def set_timeout(self, value: float) -> None:
        """Set how long commands may take, here and on the server.

        Parameters
        ----------
        value
            Seconds, more than 0.
        """
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"timeout must be a number but got {type(value).__name__}")
        if value <= 0:
            raise ValueError(f"timeout must be > 0 but got {value}")
        self._timeout = float(value)

    def unset_timeout(self) -> None:
        """Go back to the default: 5 s here, the server's own there."""
        self._timeout = None

    def get_system_info(self) -> SystemInfo:
        """Return the server's state, the connected sites and the running jobs."""
        return self._run(commands.get_system_info())

    def list_jobs(
        self,
        detailed: bool = False,
        limit: int | None = None,
        id_prefix: str | None = None,
        name_prefix: str | None = None,
        reverse: bool = False,
        submit_token: str | None = None,
        **kwargs: Any,
    ) -> list[dict[str, Any]]:
        """Return the jobs of the session's study.

        Parameters
        ----------
        detailed
            Whether each job comes with all its meta.
        limit
            How many at most; all when None or 0.
        id_prefix, name_prefix
            Only jobs whose id or name begins with this.
        reverse
            Newest first instead of oldest first.
        submit_token
            Only the job submitted with this token.
        **kwargs
            The FLARE API's old names ``max_num``, ``job_id_prefix``, ``job_name_prefix``, ``id`` and ``name``.

        Returns
        -------
        list of dict
            ``job_id, job_name, status, submit_time, duration, study``, as text.
        """
        filters = commands.resolve_aliases(limit, id_prefix, name_prefix, kwargs)
        return self._run(commands.list_jobs(detailed=detailed, reverse=reverse, submit_token=submit_token, **filters))

    def get_job_meta(self, job_id: str) -> dict[str, Any]:
        """Return what the server stores about a job.

        Raises
        ------
        JobNotFound
            There is no such job.
        """
        return self._run(commands.get_job_meta(job_id))

    def get_job_status(self, job_id: str) -> str | None:
        """Return the job's status: ``SUBMITTED``, ``RUNNING``, ``FINISHED:COMPLETED``, ..."""
        status = self.get_job_meta(job_id).get("status")
        return status if isinstance(status, str) else None

    def submit_job(
        self,
        job_definition_path: str,
        submit_token: str | None = None,
        *,
        progress: transfer.Progress | None = None,
    ) -> str:
        """Submit a job folder and return the new job's id. Nothing is written into the folder.

        Parameters
        ----------
        job_definition_path
            The job folder; a relative path is looked for in the working directory, then in `upload_dir`.
        submit_token
            A word of yours: submitting the same job again with the same token gives the same job.
        progress
            Called with bytes sent and bytes in all.

        Raises
        ------
        InvalidJobDefinition
            It is not a job, here (then nothing was sent) or in the server's eyes.
        """
        if not isinstance(job_definition_path, (str, Path)) or not str(job_definition_path):
            raise InvalidJobDefinition("give the path of a job folder")
        folder = Path(job_definition_path).expanduser()
        if not folder.is_absolute() and not folder.exists() and (self.kit.upload_dir / folder).is_dir():
            folder = self.kit.upload_dir / folder
        folder = Path(os.path.abspath(folder))  # noqa: PTH100 - Path.resolve() would hide that it is a link
        packing.check_job_folder(folder)
        command = commands.submit_job(folder.name, submit_token)
        link = self._link()
        line = link.command(command.line, self._timeout)
        reply = transfer.upload_folder(link, self.kit, folder, line, progress, link.dialect)
        return command.answer(reply)

    def clone_job(self, job_id: str) -> str:
        """Submit the content of a job again and return the new job's id."""
        return self._run(commands.clone_job(job_id))

    def abort_job(self, job_id: str) -> str:
        """End a job before its time, and return what the server says.

        A job that has ended stays as it is; one that has not started is never scheduled. For a running job this
        takes 2 to 3 s, and its status follows a few seconds later.
        """
        return self._run(commands.abort_job(job_id))

    def delete_job(self, job_id: str) -> dict[str, Any]:
        """Remove a job and its results from the server for good.

        Raises
        ------
        JobNotDone
            It is running.
        """
        return self._run(commands.delete_job(job_id))

    def download_job_result(
        self, job_id: str, destination: str | None = None, *, progress: transfer.Progress | None = None
    ) -> str:
        """Download a finished job and its results.

        Parameters
        ----------
        job_id
            The job.
        destination
            The folder in which a new one, named after the job, shall be; `download_dir` when not given.
        progress
            Called with bytes received and 0 (the server does not say how many there are).

        Returns
        -------
        str
            The new folder: ``meta.json``, ``job/`` and ``workspace/``.

        Raises
        ------
        JobNotDone
            It is running.
        """
        command = commands.download_job(job_id)
        link = self._link()
        timeout = self._timeout or COMMAND_TIMEOUT
        reply = loop.run(link.execute(command.line, timeout, cmd_timeout=self._timeout))
        into = Path(destination).expanduser().absolute() if destination else self.kit.download_dir
        return str(transfer.download_files(link, command.answer(reply), job_id, into, progress, link.dialect))

    def monitor_job(
        self,
        job_id: str,
        timeout: float = 0,
        poll_interval: float = 2.0,
        cb: Callable[..., bool] | None = None,
        *cb_args: Any,
        **cb_kwargs: Any,
    ) -> MonitorReturnCode:
        """Watch a job until it ends; the kernel is busy meanwhile.

        Parameters
        ----------
        job_id
            The job.
        timeout
            Seconds to watch; 0 for as long as it takes.
        poll_interval
            Seconds between two looks.
        cb
            ``cb(session, job_id, job_meta, *cb_args, **cb_kwargs) -> bool``, called after each look, in this
            thread; when it returns False, watching ends.
        """
        code, _ = self.monitor_job_and_return_job_meta(job_id, timeout, poll_interval, cb, *cb_args, **cb_kwargs)
        return code

    def monitor_job_and_return_job_meta(
        self,
        job_id: str,
        timeout: float = 0.0,
        poll_interval: float = 2.0,
        cb: Callable[..., bool] | None = None,
        *cb_args: Any,
        **cb_kwargs: Any,
    ) -> tuple[MonitorReturnCode, dict[str, Any] | None]:
        """Do as :meth:`monitor_job` and return the job's final meta too (None unless it ended)."""
        if timeout < 0:
            raise InvalidArgumentError("timeout must be >= 0")
        if poll_interval <= 0:
            raise InvalidArgumentError("poll_interval must be > 0")
        deadline = time.monotonic() + timeout if timeout else float("inf")
        while True:
            if time.monotonic() > deadline:
                return MonitorReturnCode.TIMEOUT, None
            meta = self.get_job_meta(job_id)
            if cb is not None and not cb(self, job_id, meta, *cb_args, **cb_kwargs):
                return MonitorReturnCode.ENDED_BY_CB, None
            status = meta.get("status")
            if not isinstance(status, str) or not status:
                raise InternalError(f"the server did not say the status of job {job_id}")
            if is_terminal(status):
                return MonitorReturnCode.JOB_FINISHED, meta
            time.sleep(poll_interval)

    def wait_for_job(self, job_id: str, timeout: float = 0.0, poll_interval: float = 2.0) -> dict[str, Any]:
        """Wait until a job ends and return its final meta.

        Raises
        ------
        JobTimeout
            It did not end within `timeout` seconds (0: wait for as long as it takes).
        """
        code, meta = self.monitor_job_and_return_job_meta(job_id, timeout, poll_interval)
        if code is MonitorReturnCode.TIMEOUT or meta is None:
            raise JobTimeout(f"job {job_id} did not end within {timeout:g} s; it goes on")
        return meta

    def start(self, command: Command[T]) -> concurrent.futures.Future[T]:
        """Send a command without waiting for it; for monitors and views. Cancelling the future gives it up."""
        self._check_process()
        return loop.start(self._execute(command))

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<Session {self.username} → {self.kit.address}, study {self.study}, {state}>"

    def _run(self, command: Command[T]) -> T:
        self._check_process()
        return loop.run(self._execute(command))

    async def _execute(self, command: Command[T]) -> T:
        timeout = self._timeout or COMMAND_TIMEOUT
        deadline = time.monotonic() + timeout
        for attempt in itertools.count(1):
            try:
                reply = await self._connection.execute(command.line, timeout, cmd_timeout=self._timeout)
                break
            except NoConnection:
                pause = _BACKOFF * attempt
                if attempt >= command.attempts or time.monotonic() + pause > deadline:
                    raise
                await asyncio.sleep(pause)
        return command.answer(reply)

    def _link(self) -> Link:
        self._check_process()
        return loop.run(self._connection.open(self._timeout or COMMAND_TIMEOUT, patient=False))

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise SessionClosed("this session belongs to the process that forked this one; open a new one here")


def _farewell(connection: Connection, pid: int) -> None:
    if os.getpid() != pid:
        return
    future = loop.start(connection.close())
    if loop.is_current():
        return
    # What is left after that (a server that does not answer the farewell) the I/O thread finishes alone.
    with contextlib.suppress(concurrent.futures.TimeoutError, concurrent.futures.CancelledError, Exception):
        future.result(_CLOSE)
