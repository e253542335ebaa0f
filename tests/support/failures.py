"""Jobs made to fail on real federations, and what is then known of them.

Also a program, which writes that down as the recordings of the unit tests::

    python tests/support/failures.py tests/unit/recordings_failures
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
from failing_jobs import CASES, REFUSED, WAITING, workflow_job
from waiting import wait_until

from flare_widgets.api import InvalidJobDefinition, Session, connect
from flare_widgets.federation import LocalFederation
from flare_widgets.monitoring import Evidence, LogText, collect_evidence

LEAD = "lead@example.org"
MEMBER = "member@example.org"
USERS = {LEAD: "lead", MEMBER: "member"}

_NOISE = re.compile(
    r" - (conn_manager|byte_streamer|byte_receiver|CoreCell|Cell|AuxRunner|ReliableMessage|SubmitUpdateCommand|"
    r"\w*Deployer|"
    r"GetTaskCommand|Communicator|FederatedClient|IntimeModelSelector|\w*Streamer|\w*PassThrough\w*|SFMSubmitter|"
    r"\w*Downloadable|_Transaction|function) - "
    r"|sent task assignment|assigned task|\*\*\*\*|^$|client runner|_CONF"
)

HEARTBEATS = 20
"""Seconds after which the harmed server gives a silent site up; ten minutes by default."""


def failures(federation: LocalFederation, folder: Path, left_out: Collection[str]) -> dict[str, Evidence]:
    """Run the jobs that fail of themselves, some of them at once, and gather what is known of each."""
    found = {}
    with connect(federation.admin_kit) as session:
        for case, wrong in REFUSED.items():
            try:
                session.submit_job(str(workflow_job(folder, case, **wrong)))
            except InvalidJobDefinition as e:
                found[case] = Evidence(refusal=str(e))
        cases = {case: make for case, make in CASES.items() if case not in left_out}
        jobs = {case: session.submit_job(str(make(folder, case))) for case, make in cases.items()}
        left = dict(jobs)
        deadline = time.monotonic() + 240
        while left:
            assert time.monotonic() < deadline, f"{list(left)} did not end"
            time.sleep(0.5)
            for case, job in list(left.items()):
                meta = session.get_job_meta(job)
                if case == "aborted" and meta["status"] == "RUNNING":
                    with contextlib.suppress(Exception):  # its process is not up yet
                        if "Round 1 started" in session.tail_target("server", "-n200", f"{job}/log.txt"):
                            session.abort_job(job)
                elif case in WAITING and len(meta.get("schedule_history", ())) > 1:
                    found[case] = collect_evidence(session, meta)
                    session.abort_job(job)
                    del left[case]
                elif meta["status"].startswith("FINISHED"):
                    found[case] = collect_evidence(session, meta)
                    del left[case]
        found["aborted-waiting"] = collect_evidence(session, session.get_job_meta(jobs["few-sites"]))
        for role, user in (("lead", LEAD), ("member", MEMBER)):
            with connect(federation.kit(user)) as other:
                for case in ("script-exception", "hard-exit", "server-exception", "aborted"):
                    found[f"{case}-{role}"] = collect_evidence(other, other.get_job_meta(jobs[case]))
        each_process(federation, "site-2", psutil.Process.suspend)
        try:
            found["script-exception-silent"] = collect_evidence(session, session.get_job_meta(jobs["script-exception"]))
        finally:
            each_process(federation, "site-2", psutil.Process.resume)
    return found


def each_process(federation: LocalFederation, kit: str, what: Callable[[psutil.Process], Any]) -> None:
    """Do something to each process of the server or of a site."""
    root = str(federation.folder / "kits" / kit)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if any(word.startswith(root) for word in process.cmdline()):
                what(process)


class Harm:
    """A federation whose server and sites are killed and hung while a job runs.

    Parameters
    ----------
    federation
        To be started by :meth:`started`.
    folder
        For the jobs.

    Attributes
    ----------
    seconds
        How long it took to gather what is known while a site did not answer.
    """

    def __init__(self, federation: LocalFederation, folder: Path) -> None:
        self.seconds = 0.0
        self._federation = federation
        self._folder = folder

    @classmethod
    @contextlib.contextmanager
    def started(cls, folder: Path) -> Iterator[Harm]:
        """Have a federation in `folder` whose server gives a site up after some seconds."""
        federation = LocalFederation(2, folder=folder / "harmed")
        before = os.environ.get("NVFLARE_DEAD_CLIENT_GRACE_PERIOD")
        os.environ["NVFLARE_DEAD_CLIENT_GRACE_PERIOD"] = "5"
        try:
            federation.start()
        finally:
            os.environ.pop("NVFLARE_DEAD_CLIENT_GRACE_PERIOD")
            if before is not None:
                os.environ["NVFLARE_DEAD_CLIENT_GRACE_PERIOD"] = before
        try:
            yield cls(federation, folder)
        finally:
            federation.stop()

    def all(self) -> dict[str, Evidence]:
        """Do all harm, one after the other."""
        return {
            # First, while the server would take ten minutes to notice by itself that a site is gone.
            "site-restarted": self.site_restarted(),
            "server-restarted": self.server_restarted(),
            **self.site_hung(),
            "site-refuses": self.site_refuses(),
        }

    def server_restarted(self) -> Evidence:
        """Kill the server in mid-round; its successor gives silent sites up soon."""
        resources = self._federation.folder / "kits" / "server" / "local" / "resources.json"
        config = json.loads(resources.read_text())
        config["servers"][0]["heart_beat_timeout"] = HEARTBEATS
        resources.write_text(json.dumps(config))
        with connect(self._federation.admin_kit) as session:
            job = self._in_mid_round(session, "restarted")
            self._each("server", psutil.Process.kill)
            wait_until(lambda: self._sites(session) == 2, 90)
            return collect_evidence(session, session.get_job_meta(job))

    def site_restarted(self) -> Evidence:
        """Kill a site in mid-round; its successor comes at once and knows nothing of the job."""
        with connect(self._federation.admin_kit) as session:
            job = self._in_mid_round(session, "forgotten")
            began = time.time()
            self._each("site-1", psutil.Process.kill)
            wait_until(lambda: self._heard(session, "site-1") > began + 1, 60)

            def told() -> Evidence | None:
                # Of a busy machine's site an answer may be late.
                evidence = collect_evidence(session, session.get_job_meta(job))
                return evidence if evidence.idle and time.time() > began + 21 else None  # until then it may be starting

            evidence = wait_until(told, 60)
            session.abort_job(job)
            session.wait_for_job(job, timeout=60, poll_interval=0.2)
            return evidence

    def site_hung(self) -> dict[str, Evidence]:
        """Let a site hang in mid-round, until the server has given the job up."""
        found = {}
        with connect(self._federation.admin_kit) as session:
            job = self._in_mid_round(session, "lost")
            self._each("site-2", psutil.Process.suspend)
            try:
                began = time.monotonic()
                found["site-silent"] = collect_evidence(session, session.get_job_meta(job))
                self.seconds = time.monotonic() - began
                meta = session.wait_for_job(job, timeout=120, poll_interval=0.2)
                found["site-hung"] = collect_evidence(session, meta)
            finally:
                self._each("site-2", psutil.Process.resume)
            wait_until(lambda: self._sites(session) == 2, 60)
            found["site-lost"] = collect_evidence(session, meta)
        return found

    def site_refuses(self) -> Evidence:
        """Have a site that permits nobody to bring code of their own, and submit a job with code."""
        local = self._federation.folder / "kits" / "site-1" / "local"
        policy = json.loads((local / "authorization.json.default").read_text())
        policy["permissions"]["project_admin"] = dict.fromkeys(("view", "operate", "submit_job", "manage_job"), "any")
        (local / "authorization.json").write_text(json.dumps(policy))
        with connect(self._federation.admin_kit) as session:
            began = time.time()
            self._each("site-1", psutil.Process.kill)
            wait_until(lambda: self._heard(session, "site-1") > began + 1, 60)
            job = session.submit_job(str(workflow_job(self._folder, "unwelcome")))
            return collect_evidence(session, session.wait_for_job(job, timeout=120, poll_interval=0.2))

    def _in_mid_round(self, session: Session, name: str) -> str:
        folder = workflow_job(self._folder, name, server={"rounds": 200}, client={"seconds": 1.0})
        job = session.submit_job(str(folder))

        def begun() -> bool:
            with contextlib.suppress(Exception):  # its process is not up yet
                return "Round 1 started" in session.tail_target("server", "-n200", f"{job}/log.txt")
            return False

        wait_until(begun, 60)
        return job

    def _each(self, kit: str, what: Callable[[psutil.Process], Any]) -> None:
        each_process(self._federation, kit, what)

    def _sites(self, session: Session) -> int:
        with contextlib.suppress(Exception):  # the server is just coming up
            return len(session.get_system_info().client_info)
        return 0

    def _heard(self, session: Session, site: str) -> float:
        times = {c.name: c.last_connect_time or 0.0 for c in session.get_system_info().client_info}
        return times.get(site, 0.0)


def scrubbed(evidence: Evidence, root: str) -> Evidence:
    """Evidence without what is of this machine, and not longer than a reader likes."""
    text = json.dumps(evidence.to_json())
    packages = str(Path(psutil.__file__).parents[1])
    for own, other in ((packages, "/opt/venv/lib/python3.11/site-packages"), (root, "/srv/flare")):
        text = text.replace(own, other)
    text = re.sub(r"/[\w/.-]*/lib/python3\.\d+/(?!site-packages)", "/usr/lib/python3.11/", text)
    text = re.sub(r"[\w.-]+@(?!example\.org|nvidia\.com)[\d.]+", "site@192.0.2.1", text)
    evidence = Evidence.from_json(json.loads(text))
    return dataclasses.replace(evidence, logs=tuple(_shortened(log) for log in evidence.logs))


def _shortened(log: LogText) -> LogText:
    """A log without what no test reads."""
    lines = [re.sub(r"\brun=[0-9a-f-]{36}, |, task_id=[0-9a-f-]{36}", "", line) for line in log.text.splitlines()]
    kept = [line for line in lines if not _NOISE.search(line)]
    return dataclasses.replace(log, text="\n".join(kept[-110:]))


def everything(root: Path, left_out: Collection[str] = ()) -> tuple[dict[str, Evidence], float]:
    """Have two federations, and let fail what can fail.

    Parameters
    ----------
    root
        An empty folder.
    left_out
        Cases that are not wanted.

    Returns
    -------
    dict and float
        What is known of each case; and how long it took to gather that while a site did not answer.
    """
    with (
        Harm.started(root) as harm,
        LocalFederation(2, folder=root / "federation", users=USERS) as federation,
        ThreadPoolExecutor(1) as pool,
    ):
        harmed = pool.submit(harm.all)  # in which one mostly waits
        return {**failures(federation, root, left_out), **harmed.result()}, harm.seconds


def main(into: Path) -> None:
    """Write the recordings."""
    into.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_CACHE_HOME"] = str(Path(name, "cache"))
        for case, evidence in everything(Path(name))[0].items():
            data = scrubbed(evidence, name).to_json()
            (into / f"{case}.json").write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
