"""Run attacks, and count what they did."""

from __future__ import annotations

import contextlib
import io
import logging
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flare_widgets.errors import FlareError

from .kinds import KINDS, Harm
from .mutations import SECRET
from .servers import PORTS

MAX_INPUT_S = 2.0
"""Processor time that one input may take, in seconds."""

MAX_GROWTH_MB = 64
"""Megabytes by which one kind may make the process grow."""

_FORBIDDEN = frozenset(
    {"os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen", "pickle.find_class"}
    | {"socket.connect", "socket.bind", "ctypes.dlopen", "os.chmod", "os.chown", "os.link", "os.symlink"}
)


@dataclass
class Outcome:
    """Outcome of the inputs of one kind.

    Attributes
    ----------
    read
        Number of inputs that were not rejected: they were read as far as they made sense.
    executed, crashed, hung, leaked
        Number of inputs that made something run or connect, raised what is no error of ours, took too long, and
        got a secret or a control character into a message, or harmed otherwise.
    growth_mb
        Megabytes by which the process has grown.
    worst_s, total_s
        Processor time of the slowest input, and of all.
    examples
        The first few that did harm.
    """

    kind: str
    inputs: int = 0
    read: int = 0
    executed: int = 0
    crashed: int = 0
    hung: int = 0
    leaked: int = 0
    growth_mb: int = 0
    worst_s: float = 0.0
    total_s: float = 0.0
    examples: list[str] = field(default_factory=list)

    @property
    def is_harmless(self) -> bool:
        """True if none did harm."""
        return not (self.executed or self.crashed or self.hung or self.leaked) and self.growth_mb <= MAX_GROWTH_MB


class _Audit:
    """Watches for what no input may cause; an audit hook cannot be removed, so there is one."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._is_on = False
        sys.addaudithook(self._note)

    def _note(self, event: str, args: tuple[Any, ...]) -> None:
        if self._is_on and event in _FORBIDDEN and not _is_to_hostile_server(event, args):
            self.seen.append(event)

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        self._is_on, self.seen = True, []
        try:
            yield
        finally:
            self._is_on = False


def _is_to_hostile_server(event: str, args: tuple[Any, ...]) -> bool:
    """Return True if a connection is of a hostile server of this machine, or to it."""
    if event not in ("socket.connect", "socket.bind") or not isinstance(args[1], tuple):
        return False
    host, port = args[1][:2]
    return host == "127.0.0.1" and (port in PORTS or (event == "socket.bind" and port == 0))


_audit = _Audit()


def attack(count: int, seed: int) -> list[Outcome]:
    """Run `count` inputs of all kinds; the same for the same seed."""
    shares = sum(share for _, _, share in KINDS.values())
    for kind in KINDS:  # loads whatever is loaded on demand
        _attack_with(kind, 3, -1)
    return [_attack_with(kind, max(10, round(count * share / shares)), seed) for kind, (_, _, share) in KINDS.items()]


def _attack_with(kind: str, count: int, seed: int) -> Outcome:
    outcome = Outcome(kind)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(count):
        _attack_once(outcome, random.Random(f"{seed} {kind} {number}"), f"seed {seed}, number {number}")
    outcome.growth_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    return outcome


def _attack_once(outcome: Outcome, source: random.Random, label: str) -> None:
    run, documented, _ = KINDS[outcome.kind]
    folder = Path(tempfile.mkdtemp(prefix="hostile-"))
    said, logged = io.StringIO(), io.StringIO()
    handler = logging.StreamHandler(logged)
    logging.getLogger("flare_widgets").addHandler(handler)
    words, trouble = "", ""
    began = time.thread_time()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), _audit.watch():
            try:
                _ = run(source, folder)
                outcome.read += 1
            except (FlareError, *documented) as error:  # type: ignore[misc]  # mypy cannot read such a tuple
                words = str(error)
    except Harm as harm:
        outcome.leaked += 1
        trouble = str(harm)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        outcome.crashed += 1
        trouble = f"{type(error).__name__}: {str(error)[:200]!a} {traceback.format_tb(error.__traceback__)[-1]}"
    finally:
        seconds = time.thread_time() - began
        logging.getLogger("flare_widgets").removeHandler(handler)
        shutil.rmtree(folder, ignore_errors=True)
    outcome.inputs += 1
    outcome.total_s += seconds
    outcome.worst_s = max(outcome.worst_s, seconds)
    everything = words + said.getvalue() + logged.getvalue()
    unfit = [c for c in words if not (c.isprintable() or c == "\n")]
    if _audit.seen:
        outcome.executed += 1
        trouble = trouble or f"did {_audit.seen[0]}"
    if seconds > MAX_INPUT_S:
        outcome.hung += 1
        trouble = trouble or f"took {seconds:.1f} s"
    if SECRET in everything or unfit or said.getvalue():
        outcome.leaked += 1
        trouble = trouble or f"said {everything[:200]!a}"
    if trouble and len(outcome.examples) < 3:
        outcome.examples.append(f"{outcome.kind}, {label}: {trouble}")


def format_table(outcomes: list[Outcome]) -> str:
    """Return the figures by kind, as a table."""
    total = Outcome("sum", worst_s=max(o.worst_s for o in outcomes))
    for name in ("inputs", "read", "executed", "crashed", "hung", "leaked", "growth_mb", "total_s"):
        setattr(total, name, sum(getattr(o, name) for o in outcomes))
    heads = ("kind", "inputs", "read", "executed", "crashed", "hung", "leaked", "MB more", "slowest (ms)", "all (s)")
    lines: list[tuple[object, ...]] = [heads, ("---",) * len(heads)]
    for o in (*outcomes, total):
        harm = (o.executed, o.crashed, o.hung, o.leaked)
        lines.append((o.kind, o.inputs, o.read, *harm, o.growth_mb, f"{o.worst_s * 1000:.0f}", f"{o.total_s:.1f}"))
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
