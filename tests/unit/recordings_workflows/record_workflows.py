"""Record runs of jobs of ``tests/support/workflow_jobs``: what is said of each file is in the README beside it.

    python tests/unit/recordings_workflows/record_workflows.py NAME [NAME ...]

runs the jobs in a throw-away federation of the environment's nvflare, one after the other. For those that need more
packages (``workflow_jobs.NEEDED``) use the Python of an environment that has them.
"""

from __future__ import annotations

import getpass
import json
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from workflow_jobs import JOBS  # noqa: E402
from workflow_jobs.expected import EXPECTED, ExpectedWorkflow  # noqa: E402
from workflow_jobs.parts import TRAIN  # noqa: E402

from flare_widgets.api import JobNotFound, JobNotRunning, Session, connect  # noqa: E402
from flare_widgets.federation import LocalFederation  # noqa: E402

SITES = ("site-1", "site-2")
MAX_SECONDS = 300
MAX_RESULT_FILE = 40_000
SMALL_RESULTS = re.compile(r"(metrics|cross_site_val|statistics|tb_events)/.*|[^/]*report.json|km_global.json")
COPIES_OF_MODELS = re.compile(r"cross_site_val/\w+_shareables/")
SERVER_MODELS = re.compile(r"workspace/(models/|app_server/(FL_|best_|.*joblib|.*xgboost))")
KEY_METRICS = {"scatter-and-gather-loss": "val_loss", "scatter-and-gather-hocon": "val_loss"}
KEY_METRICS |= {"scatter-and-gather-yaml": "val_loss", "k-means": "homogeneity", "support-vectors": "AUC"}
NOTES = {
    "own-model-controller": "its author's three rounds are told in his own words only",
    "steps-in-rounds": "its author's three rounds are told in his own words only",
    "survival-curve": "two passes of one task",
    "swarm": "rounds, times and metrics are of the sites' logs; the server hears of the rounds every two seconds",
    "swarm-then-evaluation": "rounds and times are of the sites' logs; the server hears of them every two seconds",
    "client-controlled-cyclic": "rounds and times are of the sites' logs; the server hears of them every two seconds",
    "xgboost-histogram": "rounds are in the scalars of the result and in the sites' logs only",
    "xgboost-vertical": "rounds are in the scalars of the result and in the sites' logs only",
    "collab": "no rounds: the server's code calls the sites' functions",
    "flower": "Flower has run two rounds of its own; no line and no file of the result tells of them",
}

Record = dict[str, Any]
Span = list[Any]


def main(names: list[str]) -> None:
    """Record the jobs of these names."""
    with tempfile.TemporaryDirectory() as scratch, LocalFederation(2, folder=Path(scratch) / "federation") as running:
        for name in names:
            folder = Path(scratch) / name
            folder.mkdir()
            with connect(running.admin_kit) as session:
                job, answers = run_job(session, JOBS[name](folder))
                result = Path(session.download_job_result(job, str(folder / "result")))
                meta = session.get_job_meta(job)
            logs = {site: running.folder / "kits" / site / job / "log.json" for site in SITES}
            write_recording(name, folder / name, result, answers, meta, logs)


def run_job(session: Session, folder: Path) -> tuple[str, list[Record]]:
    """Run a job to its end, and return its id and the answers to ``show_stats``."""
    job = session.submit_job(str(folder))
    answers = []
    deadline = time.monotonic() + MAX_SECONDS
    while not session.get_job_meta(job)["status"].startswith("FINISHED"):
        assert time.monotonic() < deadline, f"{folder.name} takes too long"
        asked = time.time()
        try:
            answer = session.show_stats(job, "server")
        except (JobNotRunning, JobNotFound) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.append({"time": round(asked, 3), "answer": answer})
        time.sleep(max(0.0, 1 - (time.time() - asked)))
    return job, answers


def write_recording(
    name: str, job: Path, result: Path, answers: list[Record], meta: Record, site_logs: dict[str, Path]
) -> None:
    """Write the recording of a run."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    neutral = Neutral(job.parent)
    workspace = result / "workspace"
    neutral.copy(workspace / "log.json", folder / "log.json")
    for config in job.glob("app/config/config_fed_server.*"):
        shutil.copy(config, folder / config.name)
    rows = [json.dumps(answer, default=str) + "\n" for answer in answers]
    (folder / "stats.jsonl").write_text(neutral("".join(rows)))
    files = {path.relative_to(result).as_posix(): path for path in sorted(result.rglob("*")) if path.is_file()}
    listing = [f"{path.stat().st_size:>9} {neutral(file)}\n" for file, path in files.items()]
    (folder / "result.txt").write_text("".join(listing))
    for file, path in files.items():
        inner = file.removeprefix("workspace/")
        is_small = path.stat().st_size <= MAX_RESULT_FILE
        if SMALL_RESULTS.fullmatch(inner) and not COPIES_OF_MODELS.match(inner) and is_small:
            neutral.copy(path, folder / "result" / neutral(inner))
    log = read_log(workspace / "log.json")
    train = job / "app" / "custom" / "train.py"
    script = train.read_text() if train.exists() else ""
    told = tell_truth(name, script, log, {site: read_log(path) for site, path in site_logs.items()})
    told = {key: meta[key] for key in ("name", "job_id", "status", "duration")} | told
    matrix = workspace / "cross_site_val" / "cross_val_results.json"
    told["evaluation"] = matrix.exists() and bool(json.loads(matrix.read_text()))
    told["scalars"] = [neutral(file) for file in files if "tfevents" in file]
    told["models_of_server"] = [file for file in files if SERVER_MODELS.match(file)]
    if told["scalars"]:
        told["scalar_series"] = read_scalars(workspace / "tb_events")
    (folder / "truth.json").write_text(neutral(dump(told)) + "\n")


class Neutral:
    """The names of this machine, made neutral ones."""

    def __init__(self, scratch: Path) -> None:
        host, user = re.escape(socket.gethostname()), re.escape(getpass.getuser())
        self._names = [
            (re.compile(rf"{re.escape(str(scratch))}[^/\"' ]*/job"), "/opt/jobs"),
            (re.compile(re.escape(str(scratch.parent / "federation"))), "/opt/federation"),
            *((re.compile(re.escape(prefix)), "/opt/flare") for prefix in (find_prefix(), sys.prefix, sys.base_prefix)),
            (re.compile(rf"(?<=[\"'@.]){host}(?=[\"'.\s]|$)"), "host"),
            (re.compile(rf"(?<=[\"'@./]){user}(?=[\"'./])"), "user"),
        ]

    def __call__(self, text: str) -> str:
        for pattern, name in self._names:
            text = pattern.sub(name, text)
        return text

    def copy(self, source: Path, target: Path) -> None:
        """Copy a file; one that is no text stays as it is."""
        target.parent.mkdir(parents=True, exist_ok=True)
        content = source.read_bytes()
        try:
            target.write_text(self(content.decode()))
        except UnicodeDecodeError:
            target.write_bytes(content)


def find_prefix() -> str:
    """Return the prefix that nvflare is installed in: the environment may have it from another one."""
    spec = find_spec("nvflare")
    if spec is None or spec.origin is None:
        raise SystemExit("nvflare is not installed: use the Python of an environment that has it.")
    return spec.origin.partition("/lib/")[0]


def read_log(path: Path) -> list[Record]:
    """Return the records of a log, each with its time as ``at``."""
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return [{**record, "at": record["asctime"].replace(",", ".")} for record in records]


def tell_truth(name: str, script: str, log: list[Record], site_logs: dict[str, list[Record]]) -> Record:
    """Return what the logs, and the script of training, tell of a run."""
    parts = list(split_by_workflow(log))
    assert len(parts) == len(EXPECTED[name])
    tasks: list[Span] = []
    workflows = []
    for index, (part, expected) in enumerate(zip(parts, EXPECTED[name], strict=True)):
        mine = find_tasks(part)
        tasks += [[*task, index] for task in mine]
        workflow = tell_workflow(part, expected, mine, site_logs)
        if "log" in workflow["metrics"] or name == "swarm":
            metric = KEY_METRICS.get(name, "accuracy")
            workflow["metrics"]["key"] = [metric, "min" if metric == "val_loss" else "max"]
        if script == TRAIN and expected.round_numbers:
            workflow["metrics"]["sent"] = compute_sent(expected.round_numbers)
        if not expected.total_rounds or any(task[1] != "train" for task in mine):
            workflow["steps"] = group_steps(mine)
        workflows.append(workflow)
    packing = [record["at"] for record in log if record["message"].startswith("END_RUN fired")]
    told: Record = {"began_at": log[0]["at"], "packed_up_from": packing[0], "ended_at": log[-1]["at"]}
    told |= {"workflows": workflows, "tasks": tasks}
    if name in NOTES:
        told["note"] = NOTES[name]
    return told


def split_by_workflow(log: list[Record]) -> Iterator[list[Record]]:
    """Yield the records from the beginning of each workflow to that of the next."""
    begins = [n for n, r in enumerate(log) if r["name"] == "ServerRunner" and r["message"].startswith("starting work")]
    for begin, end in zip(begins, [*begins[1:], len(log)], strict=True):
        yield log[begin:end]


def find_tasks(part: list[Record]) -> list[Span]:
    """Return ``[site, name, sent, returned]`` of each task."""
    found: dict[str, Span] = {}
    for record in part:
        if sent := re.match(r"assigned task to client (\S+): name=(\S+), id=(\S+)", record["message"]):
            found[sent[3]] = [sent[1], sent[2], record["at"], None]
        elif returned := re.match(r"got result from client \S+ for task: name=\S+, id=(\S+)", record["message"]):
            found[returned[1]][3] = record["at"]
    return list(found.values())


def group_steps(tasks: list[Span]) -> dict[str, dict[str, list[Span]]]:
    """Return the times of tasks by name and site."""
    steps: dict[str, dict[str, list[Span]]] = {}
    for site, name, sent, returned in tasks:
        steps.setdefault(name, {}).setdefault(site, []).append([sent, returned])
    return steps


def tell_workflow(
    part: list[Record], expected: ExpectedWorkflow, tasks: list[Span], site_logs: dict[str, list[Record]]
) -> Record:
    """Return what is true of one workflow."""
    begun = re.match(r"starting workflow (\S+) \(<class '([^']+)'>\)", part[0]["message"])
    assert begun, part[0]["message"]
    ended = next(r["at"] for r in part if r["message"].startswith(f"Workflow: {begun[1]} finalizing"))
    trained = [task for task in tasks if task[1] == "train"]
    if expected.are_rounds_logged:
        rounds = find_rounds(part, ended)
        sites = assign_rounds(trained, rounds)
    elif trained:
        sites = count_rounds(trained)
        rounds = span_rounds(sites)
    else:
        sites = {site: spans for site, log in site_logs.items() if (spans := find_site_rounds(log, expected))}
        rounds = span_rounds(sites) or [[number, None, None] for number in expected.round_numbers]
    return {
        "id": begun[1],
        "class": begun[2],
        "started_at": part[0]["at"],
        "ended_at": ended,
        "total_rounds": expected.total_rounds,
        "rounds": rounds,
        "sites": sites,
        "metrics": find_metrics(part),
        **find_calls(part),
    }


def find_rounds(part: list[Record], ended: str) -> list[Span]:
    """Return ``[number, started, ended]`` of the rounds that the lines tell of."""
    rounds: list[Span] = []
    for record in part:
        if started := re.search(r"Round (\d+) started", record["message"]):
            if rounds and rounds[-1][2] is None:
                rounds[-1][2] = record["at"]
            rounds.append([int(started[1]), record["at"], None])
        elif rounds and rounds[-1][2] is None and re.match(r"[\s=]*(Round \d+ f|F)inished", record["message"]):
            rounds[-1][2] = record["at"]
    if rounds and rounds[-1][2] is None:
        rounds[-1][2] = ended
    return rounds


def assign_rounds(tasks: list[Span], rounds: list[Span]) -> dict[str, list[Span]]:
    """Return the tasks by site, each with the round it was sent in."""
    sites: dict[str, list[Span]] = {}
    for site, _, sent, returned in tasks:
        begun = [number for number, started, _ in rounds if started <= sent]
        if begun:
            sites.setdefault(site, []).append([begun[-1], sent, returned])
    return sites


def count_rounds(tasks: list[Span]) -> dict[str, list[Span]]:
    """Return the tasks by site, numbered: of a workflow that tells no rounds, and gives each site one task in each."""
    sites: dict[str, list[Span]] = {}
    for site, _, sent, returned in tasks:
        spans = sites.setdefault(site, [])
        spans.append([len(spans), sent, returned])
    return sites


def span_rounds(sites: dict[str, list[Span]]) -> list[Span]:
    """Return the rounds that the sites' parts make up."""
    by_number: dict[int, list[Span]] = {}
    for spans in sites.values():
        for span in spans:
            by_number.setdefault(span[0], []).append(span)
    return [[number, min(s[1] for s in spans), max(s[2] for s in spans)] for number, spans in sorted(by_number.items())]


def find_site_rounds(log: list[Record], expected: ExpectedWorkflow) -> list[Span]:
    """Return the rounds of a site that a controller of the sites runs, by the site's own log."""
    spans: dict[int, Span] = {}
    for record in log:
        if record["name"] != expected.class_name.replace("Server", "Client"):
            continue
        if started := re.match(r"(?:Round|started training round) (\d+)(?: started\.)?$", record["message"]):
            spans.setdefault(int(started[1]), [int(started[1]), record["at"], None])
        elif ended := re.match(r"(?:Finished|finished training) round (\d+)", record["message"]):
            spans[int(ended[1])][2] = record["at"]
    return [spans[number] for number in sorted(spans)]


def find_metrics(part: list[Record]) -> Record:
    """Return what the lines of the model selector tell, with the round of the log."""
    metrics: Record = {}
    now = None
    for record in part:
        if started := re.search(r"Round (\d+) started", record["message"]):
            now = int(started[1])
        elif value := re.match(r"validation metric (\S+) from client (\S+)", record["message"]):
            metrics.setdefault("log", []).append([now, value[2], float(value[1])])
        elif best := re.match(r"new best validation metric at round (\d+): (\S+)", record["message"]):
            metrics.setdefault("best", []).append([int(best[1]), float(best[2])])
    return metrics


def compute_sent(rounds: list[int]) -> Record:
    """Return the metrics that the script of training sends in these rounds: by name and site ``[round, value]``."""
    numbers = {site: int(site.rpartition("-")[2]) for site in SITES}
    return {
        "accuracy": {site: [[r, round(0.5 + 0.1 * r + 0.02 * n, 4)] for r in rounds] for site, n in numbers.items()},
        "val_loss": {site: [[r, round(1 / (r + 1) + n / 10, 4)] for r in rounds] for site, n in numbers.items()},
    }


def find_calls(part: list[Record]) -> Record:
    """Return the calls of the collab API: ``[site, function, sent, returned]``."""
    calls: list[Span] = []
    for record in part:
        if sent := re.match(r"send_request from \S+ to ([^.]+)\S*: func_name='(\w+)'", record["message"]):
            calls.append([sent[1], sent[2], record["at"], None])
        elif returned := re.match(r"got result from ([^.]+)\S* func_name=", record["message"]):
            next(call for call in calls if call[0] == returned[1] and call[3] is None)[3] = record["at"]
    return {"calls": calls} if calls else {}


def read_scalars(folder: Path) -> Record:
    """Return the scalars of TensorBoard's files, read by TensorBoard itself: by folder and tag ``[step, value]``."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-not-found,unused-ignore]

    series: dict[str, dict[str, list[Span]]] = {}
    for file in sorted(folder.rglob("events.out*")):
        events = EventAccumulator(str(file))
        events.Reload()
        for tag in events.Tags()["scalars"]:
            points = [[event.step, round(event.value, 6)] for event in events.Scalars(tag)]
            series.setdefault(file.parent.relative_to(folder).as_posix(), {})[tag] = points
    return series


def dump(value: Any, indent: int = 0) -> str:
    """Return JSON with lists of plain values on one line."""
    inner = "\n" + " " * (indent + 1)
    if isinstance(value, dict) and value:
        rows = [f"{json.dumps(key)}: {dump(one, indent + 1)}" for key, one in value.items()]
        return "{" + inner + f",{inner}".join(rows) + "\n" + " " * indent + "}"
    if isinstance(value, list) and any(isinstance(one, list | dict) for one in value):
        return "[" + inner + f",{inner}".join(dump(one, indent + 1) for one in value) + "\n" + " " * indent + "]"
    return json.dumps(value)


if __name__ == "__main__":
    main(sys.argv[1:])
