"""What a user may do, as far as that can be told without asking: FLARE's default authorization policy.

Each site and the server may have a policy of its own (``authorization.json``), which nobody can read from here. So
this is a forecast, for greying what will be refused and saying why; the server's answer decides. The facts are those
of ``default_authz`` in the templates FLARE provisions with (2.7 to 2.9), and of its table of commands and categories.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..formatting.text import clean
from ..kit import StartupKit

_ANY, _NONE = "any", "none"
_MINE, _OUR_JOBS, _OUR_SITES = "n:submitter", "o:submitter", "o:site"

_POLICY = {
    "org_admin": {
        "manage_job": _OUR_JOBS,
        "download_job": _OUR_JOBS,
        "view": _ANY,
        "operate": _OUR_SITES,
        "shell_commands": _OUR_SITES,
    },
    "lead": {
        "submit_job": _ANY,
        "clone_job": _MINE,
        "manage_job": _MINE,
        "download_job": _MINE,
        "view": _ANY,
        "operate": _OUR_SITES,
        "shell_commands": _OUR_SITES,
        "byoc": _ANY,
    },
    "member": {"view": _ANY},
}
"""By role and right, who or what it is for; a right that is not here is for the project admin, who may do anything."""

_CATEGORIES = {
    "manage_job": ("abort_job", "delete_job", "configure_job_log"),
    "view": ("check_status", "show_stats", "show_errors", "list_jobs", "get_job_meta"),
    "operate": (
        *("sys_info", "report_resources", "report_env", "restart", "shutdown"),
        *("remove_client", "disable_client", "enable_client", "configure_site_log"),
    ),
    "shell_commands": ("cat", "grep", "head", "ls", "pwd", "tail"),
}
_RIGHT_OF = {command: right for right, commands in _CATEGORIES.items() for command in commands}

_WORDS = {
    "abort_job": ("abort", "jobs"),
    "clone_job": ("clone", "jobs"),
    "delete_job": ("delete", "jobs"),
    "download_job": ("download", "jobs"),
    "submit_job": ("submit", "jobs"),
    "configure_job_log": ("change the logging of", "jobs"),
    "get_job_log": ("read the stored logs of", "jobs"),
    "list_job": ("see the components of", "jobs"),
    "restart": ("restart", "sites"),
    "shutdown": ("shut down", "sites"),
    "remove_client": ("remove", "sites"),
    "disable_client": ("disable", "sites"),
    "enable_client": ("enable", "sites"),
    "report_resources": ("see the resources of", "sites"),
    "configure_site_log": ("change the logging of", "sites"),
    "tail": ("read the logs of", "sites"),
}
"""What a command does, and to what."""


_CHANGING = frozenset(
    ("abort_job", "clone_job", "delete_job", "submit_job", "restart", "shutdown", "disable_client", "enable_client")
)
"""The commands among them that a session which only reads refuses by itself."""


class Asker(Protocol):
    """What of a session says what it may do."""

    read_only: bool

    @property
    def kit(self) -> StartupKit:
        """Whom the server takes the user for."""


@dataclass(frozen=True)
class User:
    """Whom the server takes the user for: what the certificate in the startup kit says.

    Attributes
    ----------
    name, organization, role
        The role is ``project_admin``, ``org_admin``, ``lead``, ``member``, or one that a policy of its own knows.
    """

    name: str
    organization: str
    role: str

    @classmethod
    def of(cls, kit: StartupKit) -> User:
        """Return the user that a startup kit is of."""
        return cls(kit.username, kit.organization, kit.role)


def why_not(
    user: User,
    command: str,
    *,
    submitter: str | None = None,
    submitter_organization: str | None = None,
    site_organization: str | None = None,
) -> str:
    """Return why the server will probably refuse a command, in words; empty when it probably does not.

    Parameters
    ----------
    user
        Who wants to give it.
    command
        The admin command's name, such as ``abort_job``, ``restart``, ``tail``.
    submitter, submitter_organization
        Whose job it is about; None when that is not known, which counts as permitted.
    site_organization
        Whose site (or server) it is about; None likewise.
    """
    policy = _POLICY.get(user.role.strip().lower())
    if policy is None:
        return ""  # the project admin; or a role of a policy that we do not know
    verb, what = _WORDS.get(command, (f"use {command} on", "anything"))
    organization = clean(user.organization) or "your own"
    condition = policy.get(_RIGHT_OF.get(command, command), _NONE)
    if condition == _NONE:
        return _refused(user, f"not {verb} {what}")
    if condition == _MINE and not _same(submitter, user.name):
        return _refused(user, f"{verb} only {what} you submitted; this one is of {clean(submitter or '')}")
    if condition == _OUR_JOBS and not _same(submitter_organization, user.organization):
        return _refused(user, f"{verb} only {what} of your organization ({organization})")
    if condition == _OUR_SITES and not _same(site_organization, user.organization):
        return _refused(user, f"{verb} only {what} of your organization ({organization})")
    return ""


def refusal(session: Asker, command: str, *, submitter: str | None = None) -> str:
    """Return why a session will not do something, or probably be refused it, in words; empty when it may.

    Parameters
    ----------
    session
        Whose command it would be: it may be one that only reads.
    command, submitter
        See :func:`why_not`.
    """
    if session.read_only and command in _CHANGING:
        return "this session only reads (read_only is on)"
    return why_not(User.of(session.kit), command, submitter=submitter)


def _refused(user: User, may: str) -> str:
    return f"with FLARE's default policy, your role {clean(user.role)} may {may}"


def _same(known: str | None, own: str) -> bool:
    # As FLARE compares them: not by case, nor by how words are spaced. What is not known is the server's to decide.
    return known is None or known.lower().split() == own.lower().split()
