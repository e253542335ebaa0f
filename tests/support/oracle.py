"""nvflare's own client, in a process of its own: what it answers is what ours must answer.

In a process of its own since it leaves threads behind, prints, and can hang. Requests and answers are lines of
JSON; the values of both clients are made comparable by :func:`outcome`.
"""

from __future__ import annotations

import enum
import json
import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PATIENCE = 60.0

#: The data that only our exceptions have.
OUR_ATTRIBUTES = frozenset({"command", "job_id", "site", "address", "next_step"})
#: Those of them that an exception of nvflare's has too.
NVFLARES_ATTRIBUTES = {"SubmitTokenJobDeleted": {"job_id"}}


def outcome(call: Callable[[], Any]) -> dict[str, Any]:
    """Return a call's result, or the name and the attributes of its exception, as data that can be compared."""
    try:
        return {"value": plain(call())}
    except Exception as error:
        ours = OUR_ATTRIBUTES - NVFLARES_ATTRIBUTES.get(type(error).__name__, set())
        attributes = {name: value for name, value in vars(error).items() if name not in ours}
        return {"error": _comparable_name(error), "attributes": plain(attributes), "message": str(error)}


def _comparable_name(error: Exception) -> str:
    """The name of an exception; ours for a bad argument are subclasses of those that nvflare's client raises."""
    name = type(error).__name__
    if name == "InvalidArgumentError":
        return "ValueError"
    return next((k.__name__ for k in (SyntaxError, TypeError, ValueError, TimeoutError) if isinstance(error, k)), name)


def plain(value: Any) -> Any:
    """A value of either client as JSON-able data: objects as their attributes and their text."""
    if isinstance(value, enum.Enum):
        return {"enum": type(value).__name__, "name": value.name, "value": value.value}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return {"class": type(value).__name__, "attributes": plain(vars(value)), "text": str(value)}


class Oracle:
    """A session of nvflare's client. Use it as a function: ``oracle("get_job_meta", job_id)``.

    Parameters
    ----------
    kit
        The startup kit.
    user
        The user's name.
    folder
        Where to run, and to keep what it prints.
    """

    def __init__(self, kit: Path, user: str, folder: Path) -> None:
        self._log = (folder / "oracle.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(kit), user],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )

    def opened(self) -> dict[str, Any]:
        """Return the outcome of opening the session; to be called once, before everything else."""
        return self._read()

    def __call__(self, method: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Call a method of nvflare's session; what comes of it, as :func:`outcome` says it.

        A callback given as ``cb`` is a list of booleans, its results; the outcome's ``calls`` say with what
        arguments it was called.
        """
        assert self._process.stdin is not None
        request = {"method": method, "args": args, "kwargs": kwargs}
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._log.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _PATIENCE)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            self._process.kill()
            raise AssertionError(f"nvflare's client did not answer; read {self._log.name}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def main(kit: str, user: str) -> None:
    """Serve requests until the end of the input."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what nvflare prints is no answer

    from nvflare.fuel.flare_api.flare_api import new_secure_session

    opened = {}

    def open_session() -> None:
        opened["session"] = new_secure_session(user, kit)

    def say(value: Any) -> None:
        print(json.dumps(value), file=answers, flush=True)

    say(outcome(open_session))
    for line in sys.stdin:
        request = json.loads(line)
        kwargs, calls = request["kwargs"], []
        if "cb" in kwargs:
            results = iter(kwargs["cb"])

            def callback(session: Any, job_id: str, meta: Any, *args: Any, **more: Any) -> Any:
                calls.append([session is opened["session"], job_id, meta["status"], args, more])  # noqa: B023
                return next(results)  # noqa: B023

            kwargs["cb"] = callback
        method = getattr(opened["session"], request["method"])
        say({**outcome(lambda: method(*request["args"], **kwargs)), "calls": calls})  # noqa: B023
    os._exit(0)  # its threads would keep the process


if __name__ == "__main__":
    main(*sys.argv[1:])
