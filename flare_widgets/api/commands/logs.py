"""Commands for reading a job's logs and for configuring logging."""

from __future__ import annotations

import json
from typing import Any

from ...errors import FlareError, InternalError, InvalidArgumentError
from ...wire.hci import MAX_LOG_CHARS, CommandReply, join_words
from ..models import TargetType
from .command import Command, Effect, job_line, read_mapping, read_nothing

LOG_FILE = "log.txt"

_MODES = frozenset({"reload", "full", "concise", "msg_only", "verbose"})
_LEVELS = frozenset({"NOTSET", "DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL"})


def get_job_log(job_id: str, target: str = "server", log_file_name: str = LOG_FILE) -> Command[dict[str, Any]]:
    """Return the logs of a job that the server has.

    Raises
    ------
    InvalidArgumentError
        The target is not a name.
    """
    if not isinstance(target, str) or not target:
        raise InvalidArgumentError(f"target must be 'server', 'all' or the name of a site, not {target!r}")
    more = [] if log_file_name == LOG_FILE else [log_file_name]
    return Command(
        job_line("get_job_log", job_id, target, *more),
        _read_logs,
        Effect.READ,
        needs_meta=False,
        max_reply_chars=MAX_LOG_CHARS,
        job_id=job_id,
        site=_site_or_none(target),
    )


def is_log_file_unsupported(error: FlareError) -> bool:
    """Return True if the server (before 2.8) refused :func:`get_job_log` because it only knows one log file."""
    return isinstance(error, InternalError) and "unrecognized arguments" in str(error)


def filter_lines(text: str, tail_lines: int | None, grep_pattern: str | None) -> str:
    """Return the last lines of a text that contain a pattern, searching only those last lines.

    Raises
    ------
    InvalidArgumentError
        The number of lines is not a number, or less than 0.
    """
    lines = text.splitlines(keepends=True)
    if tail_lines is not None:
        try:
            count = int(tail_lines)
        except (TypeError, ValueError):
            raise InvalidArgumentError(f"tail_lines must be a number, not {tail_lines!r}") from None
        if count < 0:
            raise InvalidArgumentError(f"tail_lines must be >= 0, got {count}")
        lines = lines[max(len(lines) - count, 0) :]
    if grep_pattern:
        lines = [line for line in lines if str(grep_pattern) in line]
    return "".join(lines)


def configure_job_log(job_id: str, config: Any, target: str = "all") -> Command[None]:
    """Configure the logging of a running job from now on."""
    words = [target] if target in ("all", "server") else ["client", target]
    described = json.dumps(config) if isinstance(config, dict) else str(config)
    return Command(
        job_line("configure_job_log", job_id, *words, described),
        read_nothing,
        needs_meta=False,
        job_id=job_id,
        site=_site_or_none(target),
    )


def configure_site_log(config: str, target: str = "all") -> Command[None]:
    """Configure the logging of the server or a site from now on.

    Raises
    ------
    InvalidArgumentError
        The configuration is neither a level nor one of FLARE's modes.
    """
    # nvflare's own client sends a site's name where the server expects the target type, and is refused.
    words = [target] if target in ("all", "server", "client") else ["client", target]
    return Command(
        join_words(["configure_site_log", *words, _check_site_config(config)]),
        read_nothing,
        needs_meta=False,
        site=_site_or_none(target),
    )


def _site_or_none(target: str) -> str | None:
    return None if target in (TargetType.ALL, TargetType.CLIENT) else target


def _check_site_config(config: Any) -> str:
    word = config.strip() if isinstance(config, str) else ""
    level = word.isdecimal() and int(word) <= 50
    if not (level or word in _MODES or word.upper() in _LEVELS):
        raise InvalidArgumentError(f"{config!r} is neither a log level nor one of {', '.join(sorted(_MODES))}")
    return word


def _read_logs(reply: CommandReply) -> dict[str, Any]:
    payload = read_mapping(reply)
    if "logs" not in payload:
        return {"logs": payload}
    return {key: payload[key] for key in ("logs", "unavailable") if key in payload}
