"""The ways in which a request fails that only callers in this package tell apart."""

from ..errors import NoConnection


class NotSent(NoConnection):
    """The connection was already lost, so nothing was sent; sending over another connection is safe."""


class ReplyTimeout(NoConnection):
    """The server did not answer in time; the connection itself is not known to be broken."""


class NoSuchService(NoConnection):
    """Nothing on the server handles requests of this kind."""
