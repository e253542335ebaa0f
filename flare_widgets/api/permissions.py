"""The user's likely permissions, predicted without asking: FLARE's default authorization policy.

Each site and the server may have its own policy (``authorization.json``), which cannot be read from here. So this is
a forecast, for disabling what will be refused and giving the reason; the server's answer decides. The rules are those
of ``default_authz`` in the templates FLARE provisions with (2.7 to 2.9), and of its table of commands and categories.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..formatting.text import sanitize
from ..kit import StartupKit

_ANY, _NONE = "any", "none"
_OWN_JOBS, _ORG_JOBS, _ORG_SITES = "n:submitter", "o:submitter", "o:site"

_POLICY = {
    "org_admin": {
        "manage_job": _ORG_JOBS,
        "download_job": _ORG_JOBS,
        "view": _ANY,
        "operate": _ORG_SITES,
        "shell_commands": _ORG_SITES,
    },
    "lead": {
        "submit_job": _ANY,
        "clone_job": _OWN_JOBS,
        "manage_job": _OWN_JOBS,
        "download_job": _OWN_JOBS,
        "view": _ANY,
        "operate": _ORG_SITES,
        "shell_commands": _ORG_SITES,
        "byoc": _ANY,
    },
    "member": {"view": _ANY},
}
"""The scope of each right, by role; rights not listed are for the project admin, who may do anything."""

_CATEGORIES = {
    "manage_job": ("abort_job", "delete_job", "configure_job_log"),
    "view": ("check_status", "show_stats", "show_errors", "list_jobs", "get_job_meta"),
    "operate": (
        *("sys_info", "report_resources", "report_env", "restart", "shutdown"),
        *("remove_client", "disable_client", "enable_client", "configure_site_log"),
    ),
    "shell_commands": ("cat", "grep", "head", "ls", "pwd", "tail"),
}
_RIGHT_BY_COMMAND = {command: right for right, commands in _CATEGORIES.items() for command in commands}

_VERB_AND_OBJECT = {
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
"""The right that each command needs, and on what."""


_MUTATING_COMMANDS = frozenset(
    ("abort_job", "clone_job", "delete_job", "submit_job", "restart", "shutdown", "disable_client", "enable_client")
)
"""The commands among them that a read-only session rejects itself."""


class PermissionSource(Protocol):
    """The parts of a session that determine permissions."""

    read_only: bool

    @property
    def kit(self) -> StartupKit:
        """The startup kit, whose certificate identifies the user."""


@dataclass(frozen=True)
class User:
    """The user as the server sees them, from the certificate in the startup kit.

    Attributes
    ----------
    name, organization, role
        The role is ``project_admin``, ``org_admin``, ``lead``, ``member``, or one that only a custom policy knows.
    """

    name: str
    organization: str
    role: str

    @classmethod
    def from_kit(cls, kit: StartupKit) -> User:
        """Return the user of a startup kit."""
        return cls(kit.username, kit.organization, kit.role)


def denial_reason(
    user: User,
    command: str,
    *,
    submitter: str | None = None,
    submitter_organization: str | None = None,
    site_organization: str | None = None,
) -> str:
    """Return the reason the server will probably refuse a command, in words; empty if it probably will not.

    Parameters
    ----------
    user
        The user who would give it.
    command
        The admin command's name, such as ``abort_job``, ``restart``, ``tail``.
    submitter, submitter_organization
        The owner of the job in question; None if unknown, which counts as permitted.
    site_organization
        The organization of the site (or server) in question; None likewise.
    """
    policy = _POLICY.get(user.role.strip().lower())
    if policy is None:
        return ""  # the project admin; or a role of an unknown policy
    verb, what = _VERB_AND_OBJECT.get(command, (f"use {command} on", "anything"))
    organization = sanitize(user.organization) or "your own"
    condition = policy.get(_RIGHT_BY_COMMAND.get(command, command), _NONE)
    if condition == _NONE:
        return _denial_message(user, f"may not {verb} {what}")
    if condition == _OWN_JOBS and not _matches(submitter, user.name):
        owner = f"; this one was submitted by {sanitize(submitter or '')}"
        return _denial_message(user, f"may {verb} only your own {what}", owner)
    if condition == _ORG_JOBS and not _matches(submitter_organization, user.organization):
        return _denial_message(user, f"may {verb} only {what} of your organization ({organization})")
    if condition == _ORG_SITES and not _matches(site_organization, user.organization):
        return _denial_message(user, f"may {verb} only {what} of your organization ({organization})")
    return ""


def session_denial_reason(session: PermissionSource, command: str, *, submitter: str | None = None) -> str:
    """Return the reason a session will reject a command, or probably be refused it, in words; empty if it may.

    Parameters
    ----------
    session
        The session that would send the command; it may be read-only.
    command, submitter
        See :func:`denial_reason`.
    """
    if session.read_only and command in _MUTATING_COMMANDS:
        return "read-only session (read_only is on)"
    return denial_reason(User.from_kit(session.kit), command, submitter=submitter)


def _denial_message(user: User, permission: str, note: str = "") -> str:
    return f"your role ({sanitize(user.role)}) {permission} under FLARE's default policy{note}"


def _matches(known: str | None, own: str) -> bool:
    # Compared as FLARE does: ignoring case and the spacing of words. Unknown cases are left to the server.
    return known is None or known.lower().split() == own.lower().split()
