"""Studies: which sites and users work together under a name."""

from __future__ import annotations

from typing import Any

from ...errors import CommandError, InvalidArgumentError
from ...formatting.text import said
from ...wire.hci import Reply, join
from .command import Command, Effect, mapping


def register_study(
    study: str, sites: list[str] | None = None, site_orgs: list[str] | None = None
) -> Command[dict[str, Any]]:
    """A new study."""
    return _with_sites("register_study", study, sites, site_orgs)


def add_study_site(
    study: str, sites: list[str] | None = None, site_orgs: list[str] | None = None
) -> Command[dict[str, Any]]:
    """More sites for a study."""
    return _with_sites("add_study_site", study, sites, site_orgs)


def remove_study_site(
    study: str, sites: list[str] | None = None, site_orgs: list[str] | None = None
) -> Command[dict[str, Any]]:
    """Fewer sites for a study."""
    return _with_sites("remove_study_site", study, sites, site_orgs)


def remove_study(study: str) -> Command[dict[str, Any]]:
    """A study less."""
    return Command(join(["remove_study", _name("study", study)]), _payload)


def list_studies() -> Command[dict[str, Any]]:
    """The studies that the user may see."""
    return Command("list_studies", _payload, Effect.READ)


def show_study(study: str) -> Command[dict[str, Any]]:
    """The sites and the users of a study."""
    return Command(join(["show_study", _name("study", study)]), _payload, Effect.READ)


def add_study_user(study: str, user: str) -> Command[dict[str, Any]]:
    """One user more for a study."""
    return Command(join(["add_study_user", _name("study", study), _name("user", user)]), _payload)


def remove_study_user(study: str, user: str) -> Command[dict[str, Any]]:
    """One user less for a study."""
    return Command(join(["remove_study_user", _name("study", study), _name("user", user)]), _payload)


def _with_sites(verb: str, study: str, sites: Any, site_orgs: Any) -> Command[dict[str, Any]]:
    words = [verb, _name("study", study)]
    if sites and site_orgs:
        raise InvalidArgumentError("give sites or site_orgs, not both")
    if site_orgs:
        for group in _names("site_orgs", site_orgs):
            words += ["--site-org", group]
    else:
        words += ["--sites", ",".join(_names("sites", sites))]
    return Command(join(words), _payload)


def _names(what: str, values: Any) -> list[str]:
    if not isinstance(values, list) or not values:
        raise InvalidArgumentError(f"{what} must be a list of at least one name, not {values!r}")
    return [_name(what, value) for value in values]


def _name(what: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidArgumentError(f"{what}: {value!r} is no name")
    return value


def _payload(reply: Reply) -> dict[str, Any]:
    payload = mapping(reply)
    code = payload.get("error_code")
    if code:
        exit_code = payload.get("exit_code", 1)
        raise CommandError(
            said(code, 100),
            said(payload.get("message", code)),
            said(payload.get("hint", "")),
            exit_code if isinstance(exit_code, int) else 1,
        )
    return payload
