"""A link to a server that is a function, and one to a server that offers files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fakes import Fake

from flare_widgets.wire import fobs
from flare_widgets.wire.features import NEWEST
from flare_widgets.wire.transfers import RemoteFile


class FakeLink(Fake):
    """A link to a server that is a function.

    Attributes
    ----------
    asked, posted
        What was sent, as (topic, value).
    """

    features = NEWEST

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        self._answer = answer
        self.asked: list[tuple[str, Any]] = []
        self.posted: list[tuple[str, Any]] = []

    async def stream(self, channel: str, topic: str, value: Any, timeout: float) -> Any:
        plain = fobs.decode(fobs.encode(value))
        self.asked.append((topic, plain))
        answer = self._answer(plain)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def post(self, channel: str, topic: str, value: Any) -> None:
        self.posted.append((topic, fobs.decode(fobs.encode(value))))


class Server:
    """A server that offers files for download, a few bytes at a time."""

    def __init__(
        self,
        files: dict[str, bytes],
        *,
        fails_at: int | None = None,
        failure: Any = None,
        failures: int = 1,
        confirms: bool = True,
    ) -> None:
        self.offer = [RemoteFile(name, f"ref-{number}") for number, name in enumerate(files)]
        self._content = dict(zip((remote.reference for remote in self.offer), files.values(), strict=True))
        self._fails_at, self._failure, self._failures, self._confirms = fails_at, failure, failures, confirms
        self._requests = 0
        self.link = FakeLink(self.answer)

    def answer(self, request: dict[str, Any]) -> Any:
        self._requests += 1
        if self._fails_at and self._fails_at <= self._requests < self._fails_at + self._failures:
            return self._failure
        received = request.get("state", {}).get("received_bytes", 0)
        data = self._content[request["ref_id"]][received : received + 40]
        if data:
            return {"status": "ok", "data": data, "state": {"received_bytes": received + len(data)}}
        return {"status": "eof", **({"confirm_expected": True, "confirm_nonce": "n"} if self._confirms else {})}
