"""Sites: let go of, shut out, let in again."""

from __future__ import annotations

from typing import Any

from ...wire.hci import join_words
from .command import Command, read_mapping, read_nothing


def remove_client(client_name: str) -> Command[None]:
    """Make the server forget a site's registration."""
    return Command(_site_line("remove_client", client_name), read_nothing)


def disable_client(client_name: str) -> Command[dict[str, Any]]:
    """Shut a site out."""
    return Command(_site_line("disable_client", client_name), read_mapping)


def enable_client(client_name: str) -> Command[dict[str, Any]]:
    """Let a site in again that was shut out."""
    return Command(_site_line("enable_client", client_name), read_mapping)


def _site_line(verb: str, name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise ValueError(f"client_name must be the name of a site, not {name!r}")
    return join_words([verb, name])
