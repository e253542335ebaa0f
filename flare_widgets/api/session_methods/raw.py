"""Methods for commands given as their line, and for commands that only the job's own code handles."""

from __future__ import annotations

import functools
import itertools
import os
import re
import shlex
from pathlib import Path
from typing import Any

from ...errors import FlareError, NoConnection, SessionClosed
from ...wire import hci
from .. import commands, transfer
from ..commands import Command
from ..dual import dual_method
from ..models import APIStatus
from ..reply_errors import api_status
from .core import SessionCore
from .jobs import request_offer
from .submit import submit_folder

_DOWNLOAD_COMMANDS = {
    "download_job": commands.download_job,
    "download_job_components": commands.download_job_components,
}

_FOLDER_NAME = re.compile(r"\w[\w.-]*", re.ASCII)
_UNKNOWN_COMMAND_PREFIX = "Unknown command "


class RawMethods(SessionCore):
    """Methods of a session for everything without its own method."""

    @dual_method
    async def do_command(self, command: str, props: Any = None) -> dict[str, Any]:
        """Send an admin command as a user of FLARE's console types it, and return the raw answer.

        The only method that raises nothing when the server refuses: check ``status`` and ``meta``. Needs the
        right to the command.

        Parameters
        ----------
        command
            The line, such as ``"sys_info client site-1"``; a word with blanks goes in double quotes.
            ``submit_job FOLDER``, ``download_job ID [NAME]`` and ``download_job_components ID [NAME]`` transfer
            files as their methods do; ``info`` names the folders they use.
        props
            Data to send with it, JSON-able, for the few commands that need some.

        Returns
        -------
        dict
            ``status``, an :class:`.APIStatus`; ``data``, the output of a console, as dicts of ``type`` and ``data``
            (for a table ``rows``); ``meta``, the structured result, whose own ``status`` is ``ok`` if the command
            succeeded; ``time``, of the server. If the command did not reach the server: ``status`` and
            ``details``.
        """
        words = _split_line(command)
        verb = words[0] if words else ""
        try:
            if verb in _DOWNLOAD_COMMANDS or verb == "submit_job":
                return await self._run_blocking(self._run_transfer_command, verb, words[1:])
            if verb == "info":
                folders = f"uploads: {self.kit.upload_dir}\ndownloads: {self.kit.download_dir}\n"
                return {"status": "ok", "details": folders}
            if not verb:
                return _error_result(APIStatus.ERROR_SYNTAX, "Command  not found: none was given")
            line = Command(command, lambda reply: reply, props=props, max_reply_chars=hci.MAX_LOG_CHARS)
            return _reply_to_dict(verb, await self._request(line))
        except SessionClosed as e:
            return _error_result(APIStatus.ERROR_INACTIVE_SESSION, str(e))
        except NoConnection as e:
            return _error_result(APIStatus.ERROR_SERVER_CONNECTION, str(e))
        except FlareError as e:
            return _error_result(APIStatus.ERROR_RUNTIME, str(e))

    @dual_method
    async def do_app_command(self, job_id: str, topic: str, cmd_data: Any) -> dict[str, Any]:
        """Send a command to the server's part of a running job, which the job's own code handles.

        Needs the right to `app_command`, which only a project admin has by default.

        Parameters
        ----------
        job_id
            The job.
        topic
            The topic that its code listens to.
        cmd_data
            Data to send, JSON-able; None for nothing.

        Returns
        -------
        dict
            The answer of the job's code.

        Raises
        ------
        JobNotRunning
            The job is not running.
        ValueError
            The data is not JSON-able; nothing was sent.
        """
        return await self._run_command(commands.app_command(job_id, topic, cmd_data))

    def _run_transfer_command(self, verb: str, arguments: list[str]) -> dict[str, Any]:
        if not arguments:
            return _error_result(
                APIStatus.ERROR_SYNTAX, f"usage: {verb} {'FOLDER' if verb == 'submit_job' else 'JOB_ID'}"
            )
        if verb in _DOWNLOAD_COMMANDS:
            command = _DOWNLOAD_COMMANDS[verb](arguments[0])
            name = arguments[-1]
            if not _FOLDER_NAME.fullmatch(name):
                return _error_result(APIStatus.ERROR_SYNTAX, f"{name!r} is not a valid name for the new folder")
            link, reply = self._sender.request(command)
            if not reply.meta.get("files"):
                return _reply_to_dict(verb, reply)
            files = command.parse_reply(reply)
            into = self.kit.download_dir
            again = functools.partial(request_offer, self._sender, command)
            location = str(transfer.download.download_files(link, files, name, into, None, again))
            meta = {"location": location}
            return {"status": APIStatus.SUCCESS, "details": f"downloaded to {location}", "meta": meta}
        folder = Path(os.path.abspath(self.kit.upload_dir / arguments[0]))  # noqa: PTH100 - keep links as they are
        transfer.pack.check_job_folder(folder)
        line = " ".join([commands.submit_job(folder.name).line, hci.join_words(arguments[1:])]).rstrip()
        return _reply_to_dict(verb, submit_folder(self._sender, line, _find_submit_token(arguments), folder))


def _split_line(line: str) -> list[str]:
    if '"' in line or "'" in line:
        try:
            return shlex.split(line)
        except ValueError:
            pass
    return line.split()


def _find_submit_token(arguments: list[str]) -> str | None:
    for option, value in itertools.pairwise(arguments):
        if option == "--submit-token":
            return value
    return next((a.split("=", 1)[1] for a in arguments if a.startswith("--submit-token=")), None)


def _error_result(status: APIStatus, details: str) -> dict[str, Any]:
    return {"status": status, "details": details}


def _reply_to_dict(verb: str, reply: hci.CommandReply) -> dict[str, Any]:
    # nvflare's client looks the command up in a table; ours lets the server decide.
    if any(text.startswith(_UNKNOWN_COMMAND_PREFIX) for text in reply.texts("error")):
        return _error_result(APIStatus.ERROR_SYNTAX, f"Command {verb} not found")
    return {"time": reply.time, "data": list(reply.items), "meta": dict(reply.meta), "status": api_status(reply)}
