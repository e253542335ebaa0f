"""Real sessions with a scripted server (that of the unit tests). Imported by the kernels of the browser tests."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "support"))

import kits
from servers import FlareServer

from flare_widgets.manager import SessionManager


class Sessions:
    """A manager with sessions of one server, which can be ended and started again."""

    def __init__(self, *names: str, days: int = 365) -> None:
        self.server = FlareServer()
        self._stack = contextlib.ExitStack()
        self.port = self._stack.enter_context(self.server.running())
        root = kits.authority()
        until = datetime.now(timezone.utc) + timedelta(days=days, hours=1)
        user = root.issue("ada@example.org", role="lead", ends=until)
        folder = Path(tempfile.mkdtemp())
        self.kit = kits.write_kit(folder / "ada", root, user, host="127.0.0.1", port=self.port)
        self.manager = SessionManager()
        for name in names:
            self.manager.open(self.kit, name)

    def stop(self) -> None:
        """The server goes away."""
        self._stack.close()
