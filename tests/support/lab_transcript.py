"""A session of frames between a page and the half of the extension in the Jupyter server, with a scripted FLARE server.

Both halves are tested by the file ``js/fixtures/lab-transcript.json``: the front-end replays it, and the server half
must send frames of the same shape.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import kits
from servers import FlareServer, ok
from traitlets.config import Config

from flare_widgets.federation import LocalFederation
from flare_widgets.lab.service import Service, Settings
from flare_widgets.lab.socket import LinkHandler, RateLimit

FILE = Path(__file__).parents[2] / "js" / "fixtures" / "lab-transcript.json"

Frame = dict[str, Any]
Step = dict[str, Frame]
"""A frame, by who sends it: ``page`` or ``server``."""

_JOB = "07d15d2a-0000-4000-8000-000000000001"
_TIMES = re.compile(r"\b1[789]\d{8}(?:\.\d+)?\b")
_TIME = "1795000000.0"
_WAIT_S = 20.0


class _Connection(LinkHandler):
    """The websocket of a page, without a Jupyter server around it."""

    def __init__(self, service: Service) -> None:
        async def get_service() -> Service:
            return service

        self._extension = SimpleNamespace(pages={self}, get_service=get_service)
        self.username, self.last_frame_at = "ada", time.monotonic()
        self._service = None
        self._limit = RateLimit(100, 100.0)
        self._is_cut_off = False
        self._requests = set()
        self.frames: list[Frame] = []

    @property
    def _app(self) -> Any:
        return self._extension

    def deliver(self, text: str) -> None:
        """Keep a frame."""
        self.frames.append(json.loads(text))


class _Recorder:
    """Notes what the page sends, and what it is answered: the facts of the sidebar in one frame a step."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._seen = self._seq = 0
        self.steps: list[Step] = []

    async def say(self, frame: Frame, *ops: str, facts: Any = None) -> list[Frame]:
        """Send a frame, and note the answers of some kinds; those of the sidebar once `facts` is true of their sum."""
        self.steps.append({"page": frame})
        await self._connection.on_message(json.dumps(frame))
        end = time.monotonic() + _WAIT_S
        while True:
            new = self._connection.frames[self._seen :]
            known = _sum_facts(self._connection.frames)
            found = [next((frame for frame in new if frame["op"] == op), None) for op in ops]
            if all(found) and (facts is None or facts(known)):
                break
            assert time.monotonic() < end, (frame, [each["op"] for each in new])
            await asyncio.sleep(0.01)
        self._seen = len(self._connection.frames)
        answers = [frame for frame in found if frame is not None]
        self.steps += [{"server": frame} for frame in answers]
        if facts is not None:
            self._seq += 1
            self.steps.append({"server": {"op": "sidebar", "seq": self._seq, "set": known}})
        return answers


def record_transcript() -> list[Step]:
    """Record the session, and return its frames; times, ports and random words are the same each time."""
    with tempfile.TemporaryDirectory() as folder, _serve() as port:
        root = Path(folder) / "root"
        kits.write_kit(root / "kits" / "ada", host="127.0.0.1", port=port)
        steps = asyncio.run(asyncio.wait_for(_record(root), 60))
    text = _TIMES.sub(_TIME, json.dumps(steps)).replace(f":{port}", ":8002")
    models = dict.fromkeys(step["server"]["model"] for step in steps if "model" in step.get("server", {}))
    for number, model in enumerate(models, 1):
        text = text.replace(model, f"m{number}")
    text = re.sub(r'"static_id": "[^"]*"', '"static_id": "s1"', text)
    text = re.sub(r'"key": "[0-9a-f]{16}"', '"key": "0123456789abcdef"', text)
    text = re.sub(r'"days_left": \d+', '"days_left": 300', text)
    recorded: list[Step] = json.loads(text)
    return recorded


def render(steps: list[Step]) -> str:
    """Return the text of the file: one line for each frame."""
    return "[\n" + ",\n".join(f"  {json.dumps(step)}" for step in steps) + "\n]\n"


def shape_of(value: Any) -> Any:
    """Return the names and types in a value; of a list, those of its first item."""
    if isinstance(value, dict):
        return {key: shape_of(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape_of(each) for each in value[:1]]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "number"
    return type(value).__name__


async def _record(root: Path) -> list[Step]:
    async with _service(root) as service:
        page = _Recorder(_Connection(service))
        await page.say({"op": "hello", "protocol": 1, "version": "0.1.0", "page": "p"}, "welcome", facts=_has_kits)
        await page.say(_ask(1, "visible", visible=True), "done")
        (done,) = await page.say(_ask(2, "connect", kit="kit-1"), "done", facts=_has_jobs)
        session = done["value"]["session"]
        opening = {"op": "open", "ref": 3, "kind": "jobs", "args": {"session": session}}
        (opened,) = await page.say(opening, "opened")
        model = opened["model"]
        await page.say({"op": "follow", "model": model}, "state")
        resync = {"kind": "resync", "feed": "rows", "token": "t"}
        await page.say({"op": "send", "model": model, "content": resync}, "custom")
        await page.say(_ask(4, "connect", kit="kit-99"), "refused")
        await page.say(
            {"op": "open", "ref": 5, "kind": "results", "args": {"session": session, "job": _JOB}}, "refused"
        )
        await page.say(_ask(6, "close", session=session), "done", "gone", facts=_has_kits)
        await page.say(_ask(7, "forget", kit="kit-1"), "done")
        return page.steps


def _ask(ref: int, do: str, **args: Any) -> Frame:
    return {"op": "ask", "ref": ref, "do": do, "args": args}


def _has_kits(facts: Frame) -> bool:
    return bool(facts.get("kits")) and not facts["sessions"] and not facts["jobs"]["rows"]


def _has_jobs(facts: Frame) -> bool:
    return bool(facts["jobs"]["rows"]) and facts["sites"]["known"] and facts["sites"]["connected"] == 1


def _sum_facts(frames: list[Frame]) -> Frame:
    facts: Frame = {}
    for frame in frames:
        facts |= frame["set"] if frame["op"] == "sidebar" else {}
    return facts


@contextlib.contextmanager
def _serve() -> Iterator[int]:
    server = FlareServer()
    job = {"job_id": _JOB, "job_name": "hello", "name": "hello", "status": "SUBMITTED", "submit_time": 1_795_000_000.0}
    site = {"client_name": "hospital-a", "client_last_conn_time": time.time()}
    server.commands |= {
        "list_jobs": ok(jobs=[job]),
        "get_job_meta": ok(job_meta=job),
        "check_status": ok(server_start_time=1.0, clients=[site], jobs=[]),
    }
    with server.running() as port:
        yield port


@contextlib.asynccontextmanager
async def _service(root: Path) -> AsyncIterator[Service]:
    settings = Settings(root, False, (), False, False, False, root.parent / "data", root.parent / "run", Config())

    async def allow(*_: Any) -> bool:
        return True

    with (
        mock.patch("flare_widgets.lab.socket.is_allowed", allow),
        # Those of this user's other processes are nobody's business.
        mock.patch.object(LocalFederation, "list_running", classmethod(lambda _: [])),
    ):
        service = Service(settings)
        try:
            yield service
        finally:
            await service.close()
