"""Commands that remove, disable and enable sites."""

from __future__ import annotations

from typing import Any

from ...errors import InvalidArgumentError
from ...wire.hci import join_words
from .command import Command, read_mapping, read_nothing


def remove_client(client_name: str) -> Command[None]:
    """Make the server forget a site's registration."""
    return Command(_site_line("remove_client", client_name), read_nothing, site=client_name)


def disable_client(client_name: str) -> Command[dict[str, Any]]:
    """Disable a site."""
    return Command(_site_line("disable_client", client_name), read_mapping, site=client_name)


def enable_client(client_name: str) -> Command[dict[str, Any]]:
    """Re-enable a disabled site."""
    return Command(_site_line("enable_client", client_name), read_mapping, site=client_name)


def _site_line(verb: str, name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise InvalidArgumentError(f"client_name must be the name of a site, not {name!r}")
    return join_words([verb, name])
