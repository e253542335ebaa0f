"""Finding and ending the processes of a federation.

NVIDIA FLARE starts each job in a separate session, and a job may start trainers in yet others, so neither
a process group nor the process tree leads to all of them. But each inherits its environment: a variable in it
names the federation, and processes are found by it. This also needs no record of process ids that could be
stale or reused.

Needs psutil, which the extra ``local`` brings; imported when first needed.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

#: The environment variable that names the federation a process belongs to.
FEDERATION_VARIABLE = "FLARE_WIDGETS_FEDERATION"

#: Set, in addition, for the supervisor of the federation.
SUPERVISOR_VARIABLE = "FLARE_WIDGETS_SUPERVISOR"


@dataclass(frozen=True)
class FederationProcess:
    """A running process that belongs to a federation."""

    pid: int
    federation_id: str
    is_supervisor: bool


def find_processes() -> list[FederationProcess]:
    """Return this user's running processes that belong to any federation."""
    return [marked for process in _iter_processes() if (marked := _identify(process))]


def _iter_processes() -> Iterator[psutil.Process]:
    import psutil

    # Not psutil.process_iter: it caches processes, and for a reused process id returns the previous one.
    for pid in psutil.pids():
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile
            yield psutil.Process(pid)


def _identify(process: psutil.Process) -> FederationProcess | None:
    import psutil

    try:
        if process.uids().real != os.getuid():  # matters for root, who can read every user's environment
            return None
        environment = process.environ()
    except (psutil.Error, OSError):  # ended meanwhile, a zombie, or not accessible
        return None
    federation = environment.get(FEDERATION_VARIABLE)
    return FederationProcess(process.pid, federation, SUPERVISOR_VARIABLE in environment) if federation else None


def is_supervisor(pid: int, federation_id: str) -> bool:
    """Return whether this process is the supervisor of this federation; its id may have been reused."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
    except psutil.Error:
        return False
    return _identify(process) == FederationProcess(pid, federation_id, True)


def orphaned_ids(processes: Iterable[FederationProcess]) -> set[str]:
    """Return the federations that have processes, but no supervisor. Pure."""
    everyone = tuple(processes)
    return {one.federation_id for one in everyone} - {one.federation_id for one in everyone if one.is_supervisor}


def supervised_ids(processes: Iterable[FederationProcess]) -> set[str]:
    """Return the federations that have a supervisor. Pure."""
    return {one.federation_id for one in processes if one.is_supervisor}


def end_orphans() -> int:
    """End the remaining processes of this user's federations whose supervisor was killed.

    Returns
    -------
    int
        The number of processes ended.
    """
    suspects = orphaned_ids(find_processes())
    if suspects:
        # A process list is not read in one instant: a federation that was being started meanwhile may show a process
        # but not yet its supervisor. A second list shows it.
        suspects &= orphaned_ids(find_processes())
    return sum(end_processes(federation) for federation in sorted(suspects))


def end_processes(federation_id: str, *, grace_s: float = 1.0, timeout_s: float = 10.0) -> int:
    """End every process of a federation: terminate, wait briefly, kill; until none is left.

    The calling process and its ancestors are spared, whichever federation they belong to.

    Parameters
    ----------
    federation_id
        The federation's id.
    grace_s
        Time, in seconds, for a process to end by itself.
    timeout_s
        Total timeout. Only a process that is stuck inside the kernel can need it.

    Returns
    -------
    int
        The number of processes ended.
    """
    import psutil

    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    asked: dict[psutil.Process, float] = {}
    began = time.monotonic()
    quiet = 0
    # Empty twice, since a process that is just replacing its program has no visible environment for a moment.
    while quiet < 2 and time.monotonic() - began < timeout_s:
        running = [process for process in _find_belonging(federation_id, asked) if process.pid not in spared]
        quiet = 0 if running else quiet + 1
        for process in running:
            with contextlib.suppress(psutil.Error):
                if process not in asked:
                    asked[process] = time.monotonic()
                    process.terminate()
                elif time.monotonic() - asked[process] > grace_s:
                    process.kill()
        time.sleep(0.03)
    return len(asked)


def _find_belonging(federation_id: str, known: Container[psutil.Process]) -> list[psutil.Process]:
    """Return the federation's processes, including descendants with a different environment."""
    import psutil

    processes: dict[int, psutil.Process] = {}
    parents: dict[int, int] = {}
    roots = set()
    for process in _iter_processes():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:  # has ended; only its parent can reap it
                continue
            parents[process.pid] = process.ppid()
        except (psutil.Error, OSError):
            continue
        processes[process.pid] = process
        marked = _identify(process)
        # Processes found before are kept: once its parent has ended, a descendant has no link to the tree.
        if process in known or (marked and marked.federation_id == federation_id):
            roots.add(process.pid)
    return [processes[pid] for pid in with_descendants(roots, parents) if pid in processes]


def with_descendants(roots: Iterable[int], parents: Mapping[int, int]) -> set[int]:
    """Return ``roots`` and all their descendants. Pure.

    Parameters
    ----------
    roots
        Process ids.
    parents
        The parent's id of each process.
    """
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting.extend(children.get(pid, ()))
    return found
