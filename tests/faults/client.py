"""The handle on a process of :mod:`.worker`."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
_START_TIMEOUT_S = 60.0


class Hung(Exception):
    """No answer in time; its text says where each thread of the client is."""


class Client:
    """A client under test.

    Parameters
    ----------
    kit
        Its startup kit.
    folder
        An empty folder, for its downloads, its temporary files and its standard error.
    """

    def __init__(self, kit: Path, folder: Path) -> None:
        self.downloads, self.scratch = folder / "downloads", folder / "tmp"
        for path in (self.downloads, self.scratch):
            path.mkdir(parents=True)
        self._errors = folder / "stderr.txt"
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "faults.worker", str(kit), str(self.downloads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=ROOT,
                env={**os.environ, "TMPDIR": str(self.scratch), "PYTHONPATH": make_path()},
            )
        threading.Thread(target=self._read, name="faults-client", daemon=True).start()
        self.wait(_START_TIMEOUT_S)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(json.loads(line))

    def begin(self, operation: str, **arguments: Any) -> None:
        """Have it begin an operation."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"op": operation, **arguments}) + "\n")
        self._process.stdin.flush()

    def wait(self, seconds: float) -> dict[str, Any]:
        """Wait for the answer.

        Raises
        ------
        Hung
            There is none.
        """
        with contextlib.suppress(queue.Empty):
            return self._answers.get(timeout=seconds)
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGUSR1)
            time.sleep(0.5)  # for faulthandler to write
        raise Hung(self._errors.read_text(errors="replace")[-6000:])

    @property
    def is_busy(self) -> bool:
        """True while there is no answer."""
        return self._answers.empty()

    def interrupt(self) -> None:
        """Interrupt the operation, as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the process until the end of the block, as when a laptop sleeps."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def file_size_limited(self, size: int) -> Iterator[None]:
        """Let it write no file larger than `size` bytes until the end of the block."""
        with self._limited(resource.RLIMIT_FSIZE, size):
            yield

    @contextlib.contextmanager
    def descriptors_limited(self, spare: int) -> Iterator[None]:
        """Let it open only so many more files and sockets until the end of the block."""
        highest = max(int(entry.name) for entry in Path(f"/proc/{self._process.pid}/fd").iterdir())
        with self._limited(resource.RLIMIT_NOFILE, highest + 1 + spare):
            yield

    @contextlib.contextmanager
    def _limited(self, which: int, limit: int) -> Iterator[None]:
        process = psutil.Process(self._process.pid)
        soft, hard = process.rlimit(which)
        process.rlimit(which, (limit, hard))
        try:
            yield
        finally:
            process.rlimit(which, (soft, hard))

    def end(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def make_path() -> str:
    """Return the path on which the modules of the suite are found."""
    own = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "support")]
    return os.pathsep.join([*own, *filter(None, [os.environ.get("PYTHONPATH", "")])])
