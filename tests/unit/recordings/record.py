"""Make the recordings of this folder: what a real server and our client say to each other in one session.

    python tests/unit/recordings/record.py

writes ``<version>-server.bin.gz`` and ``<version>-client.bin.gz`` for the nvflare of the environment it runs in: the
frames of either side, back to back, in the order they were said. The federation is a throw-away one. What is secret in
it, what a job's folder and result have in them, and what names this machine is overwritten with a filler of equal
length, so that every length field stays true; the certificates that are left are public ones.
"""

from __future__ import annotations

import contextlib
import getpass
import gzip
import re
import socket
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TESTS = HERE.parent.parent
sys.path.insert(0, str(TESTS / "support"))

from common import ADMIN  # noqa: E402
from fragile import Fragile  # noqa: E402
from jobs import RESULT_SIZE, write_job  # noqa: E402
from network import WrappedTransport  # noqa: E402
from waiting import wait_until  # noqa: E402

from flare_widgets.api import Session, new_secure_session  # noqa: E402
from flare_widgets.errors import FlareError, ProtocolError  # noqa: E402
from flare_widgets.wire import fobs, frames, hci, transports  # noqa: E402

SECRETS = frozenset({"__token__", "__token_signature__", "signature", "ssid"})


class Tape(WrappedTransport):
    """A transport that remembers what passes."""

    server: list[bytes]
    client: list[bytes]

    async def send(self, frame: bytes) -> None:
        Tape.client.append(frame)
        await super().send(frame)

    async def receive(self) -> bytes:
        frame = await super().receive()
        Tape.server.append(frame)
        return frame


def main() -> None:
    """Record a session, and write it."""
    Tape.server, Tape.client = [], []
    real = transports.connect

    async def connect(kit: Any) -> Tape:
        return Tape(await real(kit))

    transports.connect = connect
    with tempfile.TemporaryDirectory(prefix="recorded-") as name:
        folder = Path(name)
        fragile = Fragile(folder)
        try:
            _talk(fragile, folder)
        finally:
            fragile.stop()
        secrets = _secrets([*Tape.server, *Tape.client]) | _names(folder)
    for side, said in (("server", Tape.server), ("client", Tape.client)):
        whole = b"".join(_without(frame, _contents(frame)) for frame in said)
        whole = _without(whole, secrets)
        file = HERE / f"{version('nvflare')}-{side}.bin.gz"
        file.write_bytes(gzip.compress(whole, mtime=0))
        print(f"{file.name}: {len(said)} frames, {len(whole)} bytes, packed {file.stat().st_size}")


def _talk(fragile: Fragile, folder: Path) -> None:
    job = write_job(folder, "recorded")
    meta, code = job / "meta.json", job / "app" / "custom" / "quick_workflow.py"
    meta.write_text(meta.read_text().replace('"min_clients": 2', '"min_clients": 1'))
    code.write_text(code.read_text().replace(str(RESULT_SIZE), "2000"))
    session = new_secure_session(ADMIN, str(fragile.kit))
    job_id = session.submit_job(str(job), "a-token")
    session.wait_for_job(job_id, timeout=120, poll_interval=1)
    for call, *arguments in (
        ("get_system_info",),
        ("check_status", "all"),
        ("get_client_job_status",),
        ("report_resources", "all"),
        ("report_version", "all"),
        ("get_client_env",),
        ("list_jobs", True),
        ("get_job_meta", job_id),
        ("get_job_logs", job_id),
        ("list_job_components", job_id),
        ("download_job_result", job_id, str(folder / "result")),
        ("list_studies",),
        ("ls_target", "site-1"),
        ("abort_job", job_id),
        ("get_job_meta", "no-such-job"),
        ("show_stats", job_id, "server"),
        ("submit_job", str(job), "a-token"),
        ("delete_job", job_id),
        ("check_status", "client", ["no-such-site"]),
    ):
        _try(session, call, *arguments)
    fragile.forget_sessions(after=0.5)
    with contextlib.suppress(AssertionError):  # a server that is busy may take longer; the rest is worth having
        wait_until(lambda: any(b"SESSION_EXPIRED" in frame for frame in Tape.server), 40)
    print("expiry push:", sum(b"SESSION_EXPIRED" in frame for frame in Tape.server))
    session.close()


def _try(session: Session, call: str, *arguments: Any) -> None:
    try:
        getattr(session, call)(*arguments)
        print(f"{call}: answered")
    except FlareError as e:
        print(f"{call}: {type(e).__name__}")


def _without(data: bytes, secrets: set[bytes]) -> bytes:
    for secret in sorted(secrets, key=len, reverse=True):
        data = data.replace(secret, b"x" * len(secret))
    return data


def _secrets(said: list[bytes]) -> set[bytes]:
    """Everything in the frames that nobody shall read."""
    found: set[bytes] = set()
    for data in said:
        headers, value = _inside(data)
        for key, inner in [*_pairs(headers), *_pairs(value)]:
            if key in SECRETS and isinstance(inner, (str, bytes)) and len(inner) > 8:
                found.add(inner.encode() if isinstance(inner, str) else inner)
        if isinstance(value, str):
            _search_command(value, found)
    return found


def _contents(data: bytes) -> set[bytes]:
    """The pieces of a job's folder or result in a frame."""
    pairs = _pairs(_inside(data)[1])
    return {inner for key, inner in pairs if key.endswith("data") and isinstance(inner, bytes) and inner}


def _inside(data: bytes) -> tuple[Any, Any]:
    frame = frames.decode(data)
    try:
        return frame.headers, fobs.decode(frame.payload)
    except ProtocolError:  # no FOBS, or a part of some
        return frame.headers, None


def _pairs(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key), inner
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _pairs(inner)


def _search_command(text: str, found: set[bytes]) -> None:
    try:
        items = hci.decode(text).items
    except ProtocolError:
        return
    for item in items:
        if item.get("type") == "token":
            # Its claims are open, and tell the dialect; what makes it a secret is the signature.
            found.add(str(item["data"]).rpartition(":")[2].encode())


def _names(folder: Path) -> set[bytes]:
    """Texts that name this machine."""
    names = {str(folder), str(TESTS.parent), sys.prefix, sys.base_prefix, str(Path.home()), socket.gethostname()}
    names |= {socket.getfqdn(), getpass.getuser()} - {"localhost"}
    names.add(re.sub(r"[^/]*$", "", str(folder)))
    return {name.encode() for name in names if len(name) > 4}


if __name__ == "__main__":
    main()
