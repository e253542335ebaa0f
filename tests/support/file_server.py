"""A server that offers files for download."""

from __future__ import annotations

from typing import Any

from fakes import FakeConnection

from flare_widgets.wire.transfers import RemoteFile


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
        self.link = FakeConnection(self.answer)

    def answer(self, request: dict[str, Any]) -> Any:
        self._requests += 1
        if self._fails_at and self._fails_at <= self._requests < self._fails_at + self._failures:
            return self._failure
        received = request.get("state", {}).get("received_bytes", 0)
        data = self._content[request["ref_id"]][received : received + 40]
        if data:
            return {"status": "ok", "data": data, "state": {"received_bytes": received + len(data)}}
        return {"status": "eof", **({"confirm_expected": True, "confirm_nonce": "n"} if self._confirms else {})}
