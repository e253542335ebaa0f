"""A free port that stays free until the server listens on it."""

from __future__ import annotations

import contextlib
import socket
import sys


class ReservedPort:
    """A port of this machine, reserved for a federation.

    Between finding a free port and the server's listening there are two seconds, in which another process
    may be given the same one. On Linux, a socket that is bound but does not listen keeps the port away from
    every process that requests *any* port, while a server that requests this one, as NVIDIA FLARE's does with
    ``SO_REUSEADDR``, still gets it. Held as long as the federation runs, it also keeps the port while a
    server restarts. Other systems have no such mechanism; there a federation whose port was taken starts again
    with another.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(("127.0.0.1", 0))
            #: The port number.
            self.number: int = self._socket.getsockname()[1]
        except BaseException:
            self._socket.close()
            raise
        if not sys.platform.startswith("linux"):
            self._socket.close()

    @property
    def file_descriptors(self) -> tuple[int, ...]:
        """The file descriptors that hold the port; a process that inherits them holds it too."""
        return (self._socket.fileno(),) if self._socket.fileno() >= 0 else ()

    def release(self) -> None:
        """Release the port."""
        self._socket.close()


def is_port_open(port: int) -> bool:
    """Return whether a process listens on this port of this machine."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
