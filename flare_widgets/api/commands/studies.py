"""Commands for studies: named groups of sites and users."""

from __future__ import annotations

from typing import Any

from ...errors import CommandError, InvalidArgumentError
from ...formatting.text import sanitize_lines
from ...wire.hci import CommandReply, join_words
from .command import Command, Effect, read_mapping


def register_study(
    study: str, sites: list[str] | None = None, site_orgs: list[str] | None = None
) -> Command[dict[str, Any]]:
    """Create a study."""
    return _study_sites_command("register_study", study, sites, site_orgs)


def add_study_site(
    study: str, sites: list[str] | None = None, site_orgs: list[str] | None = None
) -> Command[dict[str, Any]]:
    """Add sites to a study."""
    return _study_sites_command("add_study_site", study, sites, site_orgs)


def remove_study_site(
    study: str, sites: list[str] | None = None, site_orgs: list[str] | None = None
) -> Command[dict[str, Any]]:
    """Remove sites from a study."""
    return _study_sites_command("remove_study_site", study, sites, site_orgs)


def remove_study(study: str) -> Command[dict[str, Any]]:
    """Remove a study."""
    return Command(join_words(["remove_study", _check_name("study", study)]), _read_payload)


def list_studies() -> Command[dict[str, Any]]:
    """List the studies that the user may see."""
    return Command("list_studies", _read_payload, Effect.READ)


def show_study(study: str) -> Command[dict[str, Any]]:
    """Return the sites and the users of a study."""
    return Command(join_words(["show_study", _check_name("study", study)]), _read_payload, Effect.READ)


def add_study_user(study: str, user: str) -> Command[dict[str, Any]]:
    """Add a user to a study."""
    return Command(
        join_words(["add_study_user", _check_name("study", study), _check_name("user", user)]), _read_payload
    )


def remove_study_user(study: str, user: str) -> Command[dict[str, Any]]:
    """Remove a user from a study."""
    return Command(
        join_words(["remove_study_user", _check_name("study", study), _check_name("user", user)]), _read_payload
    )


def _study_sites_command(verb: str, study: str, sites: Any, site_orgs: Any) -> Command[dict[str, Any]]:
    words = [verb, _check_name("study", study)]
    if sites and site_orgs:
        raise InvalidArgumentError("give sites or site_orgs, not both")
    if site_orgs:
        for group in _check_names("site_orgs", site_orgs):
            words += ["--site-org", group]
    else:
        words += ["--sites", ",".join(_check_names("sites", sites))]
    return Command(join_words(words), _read_payload)


def _check_names(parameter: str, values: Any) -> list[str]:
    if not isinstance(values, list) or not values:
        raise InvalidArgumentError(f"{parameter} must be a list of at least one name, not {values!r}")
    return [_check_name(parameter, value) for value in values]


def _check_name(parameter: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidArgumentError(f"{parameter}: invalid name {value!r}")
    return value


def _read_payload(reply: CommandReply) -> dict[str, Any]:
    payload = read_mapping(reply)
    code = payload.get("error_code")
    if code:
        exit_code = payload.get("exit_code", 1)
        raise CommandError(
            sanitize_lines(code, 100),
            sanitize_lines(payload.get("message", code)),
            sanitize_lines(payload.get("hint", "")),
            exit_code if isinstance(exit_code, int) else 1,
        )
    return payload
