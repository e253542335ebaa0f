"""A federation on this machine."""

from __future__ import annotations

from .command import CliCommand

COMMANDS: tuple[CliCommand, ...] = ()
