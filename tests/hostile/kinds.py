"""The kinds of hostile inputs: for each, a function that makes one and gives it to whoever reads such things."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import random
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import kits
from damage import VERSIONS, payloads, recorded, replies
from drawn_jobs import CASES

from flare_widgets.api import commands
from flare_widgets.api.transfer import unpack
from flare_widgets.api.transfer.result_files import ResultFiles
from flare_widgets.api.transfer.zip_members import KeptFiles, MemberReader, UnreadableArchive
from flare_widgets.config_files import SUFFIXES, ConfigFileError, parse_config, resolve_variables
from flare_widgets.errors import FlareError
from flare_widgets.formatting.jobs import format_job_html, job_table
from flare_widgets.formatting.text import sanitize
from flare_widgets.kit import StartupKit
from flare_widgets.monitoring import JobSnapshot, apply_meta, diagnose
from flare_widgets.monitoring.diagnosis import Evidence, LogText
from flare_widgets.monitoring.history import read_stored_log
from flare_widgets.monitoring.job.format import describe
from flare_widgets.monitoring.logs.facts import ServerLogParser
from flare_widgets.monitoring.logs.viewer import JobLog
from flare_widgets.monitoring.results.files import Selection
from flare_widgets.monitoring.results.job_result import parse_job_result
from flare_widgets.views.job.html import job_html
from flare_widgets.wire import cell, fobs, frames, hci, login, transfers

from . import servers
from .mutations import PIECES, SECRET, bend, damage, log_text, repeat
from .page import find_active_content

Attack = Callable[[random.Random, Path], Any]
"""Makes a hostile input, in a folder if it takes files, and has it read. Returns what was made of it."""


class Harm(Exception):
    """Something that must not happen; its text says what."""


def _frames(random: random.Random, folder: Path) -> Any:
    victim = cell.Cell("_admin_name")
    victim.hello()
    said = recorded(random.choice(VERSIONS))
    at = random.randrange(len(said))
    events: list[Any] = []
    for frame in (*said[: min(at, 3)], damage(random, said[at], random.choice(said))):
        frames.read_length(frame[: frames.PREFIX_SIZE].ljust(frames.PREFIX_SIZE, b"\0"))
        events += victim.receive(frame)
    return events


def _payloads(random: random.Random, folder: Path) -> Any:
    return fobs.decode(damage(random, fobs.encode(random.choice(payloads()))))


@functools.cache
def _readers() -> tuple[Callable[[hci.CommandReply], Any], ...]:
    made: list[commands.Command[Any]] = [
        commands.list_jobs(), commands.get_job_meta("j"), commands.get_system_info(), commands.get_job_log("j"),
        commands.check_status("all"), commands.report_resources("all"), commands.report_version("all"),
        commands.show_stats("j", "all"), commands.show_errors("j", "all"), commands.list_job_components("j"),
        commands.download_job("j"), commands.abort_job("j"), commands.list_studies(), commands.pwd("server"),
        commands.get_client_job_status(), commands.clone_job("j"),
    ]  # fmt: skip
    return tuple(command.parse_reply for command in made)


def _replies(random: random.Random, folder: Path) -> Any:
    text = json.dumps(bend(random, random.choice(replies())))
    reply = hci.decode(text if random.random() < 0.8 else damage(random, text.encode()).decode("utf-8", "replace"))
    for read in _readers():
        with contextlib.suppress(FlareError):
            read(reply)
    return reply


@functools.cache
def _kit() -> StartupKit:
    with tempfile.TemporaryDirectory() as folder:
        return StartupKit.load(kits.write_kit(Path(folder) / "kit"))


def _logins(random: random.Random, folder: Path) -> Any:
    good = {"cn": "server", "nonce": "n", "signature": b"s" * 256, "cert": kits.server().pem}
    value = bend(random, random.choice((good, random.choice(payloads()))))
    reply = cell.CellReply("id", random.choice(("ok", "\x1b[1m")), random.choice(PIECES), value)
    challenge = functools.partial(login.read_challenge, _kit(), "nonce", reply)
    read = random.choice((challenge, functools.partial(login.read_registration, _kit(), reply)))
    transfer = random.choice((transfers.read_upload_reply, transfers.read_download_chunk, transfers.read_file_list))
    with contextlib.suppress(FlareError):
        transfer(value if isinstance(value, dict) else {})
    return read()


_NAMES = ("a", "b", "..", "", ".", "C:", "con", "A", "é", "d" * 300, *PIECES[:5])


def _archive(random: random.Random) -> bytes:
    file = io.BytesIO()
    method = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", method) as archive:
        warnings.simplefilter("ignore")  # two members of a name are meant
        for _ in range(random.randint(1, 5)):
            info = zipfile.ZipInfo("x")
            names = ("a", "b", "x", "y", "z") if random.random() < 0.5 else _NAMES
            info.filename = "/".join(random.choices(names, k=random.randint(1, 4)))
            info.external_attr = random.choice((0, 0, 0, 0, 0o120777, 0o20666, 0o104777)) << 16
            info.compress_type = method
            text = repeat(random, 3000).encode("utf-8", "replace")
            archive.writestr(info, random.choice((b"x", bytes(200_000), text)))
    return file.getvalue()


def _archives(random: random.Random, folder: Path) -> Any:
    data = _archive(random)
    inside = folder / "deep" / "inside"
    inside.mkdir(parents=True)
    (inside / "r.zip").write_bytes(damage(random, data) if random.random() < 0.5 else data)
    try:
        unpack.unpack(inside / "r.zip", inside / "out")
    finally:
        links = [path for path in folder.rglob("*") if path.is_symlink() or not (path.is_file() or path.is_dir())]
        if links or {path.name for path in (*folder.iterdir(), *inside.iterdir())} - {"deep", "r.zip", "out"}:
            raise Harm("something outside of its folder, or a link")
        if any(path.stat().st_mode & 0o6000 for path in folder.rglob("*")):
            raise Harm("a set-id file")


def _results(random: random.Random, folder: Path) -> Any:
    config = {"workflows": [{"id": "c", "path": "x.FedAvg", "args": {"num_rounds": 3}}], "components": []}
    rounds = {"round": 1, "sites": [{"name": "s", "metrics": [{"name": "a", "value": 1}]}]}
    content = {
        "log.json": log_text(random, 20_000).encode("utf-8", "replace"),
        "app_server/config/config_fed_server.json": json.dumps(bend(random, config)).encode(),
        "metrics/round_metrics.jsonl": json.dumps(bend(random, rounds)).encode(),
        "cross_site_val/cross_val_results.json": json.dumps(bend(random, {"s": {"m": {"acc": 0.5}}})).encode(),
        "statistics/stats.json": json.dumps(bend(random, {"a": {"count": {"s": {"train": 3}}}})).encode(),
        "tb_events/s/events.out.tfevents.1": damage(random, b"\x18" + bytes(7) + b"abcd" + b"x" * 24 + b"abcd"),
    }  # fmt: skip
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    packed, kept = file.getvalue(), KeptFiles()
    if random.random() < 0.5:
        packed = damage(random, packed)
    reader = MemberReader("workspace", Selection(), kept)
    with contextlib.suppress(UnreadableArchive):
        while not reader.is_done and reader.offset < len(packed):
            reader.feed(packed[reader.offset : reader.offset + 10_000])
    return parse_job_result(ResultFiles(kept.files))


def _kits(random: random.Random, folder: Path) -> Any:
    kit = kits.write_kit(folder / "kit")
    startup = kit / "startup"
    if random.random() < 0.5:
        file = startup / "fed_admin.json"
        file.write_text(json.dumps(bend(random, json.loads(file.read_text()))))
    else:
        file = random.choice(sorted(startup.iterdir()))
        file.write_bytes(damage(random, file.read_bytes()))
    with (startup / "client.key").open("a") as key:
        key.write(f"\n# {SECRET}\n")
    report = StartupKit.check(kit, network=False)
    _ = (str(report), repr(report), report._repr_html_() if hasattr(report, "_repr_html_") else "")
    return str(report), str(StartupKit.load(kit))


def _logs(random: random.Random, folder: Path) -> Any:
    text = log_text(random, 100_000)
    updates = read_stored_log(ServerLogParser(), (text.encode("utf-8", "replace"),))
    meta = {"job_id": "a", "status": "FINISHED:EXECUTION_EXCEPTION", "job_deploy_detail": ["s: OK"]}
    owners = (("server", "job"), ("server", "parent"), ("s", "errors"), ("s", "job"), ("s", "output"))
    logs = tuple(LogText(of, what, text[-60_000:]) for of, what in random.sample(owners, 2))
    return updates, diagnose(Evidence(meta=meta, logs=logs, connected=("s",), running=()))


def _log_viewer(random: random.Random, folder: Path) -> Any:
    log = JobLog("job", random.choice(("server", "s")))
    for _ in range(6):
        if log.next_command() is None:
            break
        text = log_text(random, 20_000)
        listing = f"-rw-r--r-- 1 a b {random.choice((5, 10**18, 0))} Jan 1 00:00 job/log.txt\n{text[:2000]}"
        answers: tuple[Any, ...] = (text, listing, {"logs": {log.target: text}}, {"logs": repeat(random, 50)}, {})
        kind = str if log._mode.name != "STORED" else dict  # as the command's own reader has checked
        log.handle_answer(random.choice([a for a in answers if isinstance(a, kind)]), None, random.random() < 0.3)
    return log.words


def _configurations(random: random.Random, folder: Path) -> Any:
    good = {"format_version": 2, "workflows": [{"id": "c", "args": {"n": "{rounds}", "m": "${x}"}}], "rounds": 3}
    text = json.dumps(bend(random, good))
    if random.random() < 0.6:
        text = damage(random, text.encode(), repeat(random, 500).encode("utf-8", "replace")).decode("utf-8", "replace")
    return resolve_variables(parse_config(text, random.choice(SUFFIXES)))


def _views(random: random.Random, folder: Path) -> Any:
    snapshot, now = CASES[random.choice(sorted(CASES))]
    try:
        bent = JobSnapshot.from_json(bend(random, json.loads(json.dumps(snapshot.to_json()))))
    except ValueError:
        bent = snapshot
    bent = replace(bent, name=repeat(random, 300), status=random.choice((bent.status, repeat(random, 30))))
    meta = bend(random, {"job_id": "j", "job_name": "x", "status": "RUNNING", "duration": "1", "submitter_name": "a"})
    meta = meta if isinstance(meta, dict) else {"job_name": str(meta)}
    pages = [
        job_html(bent, now),
        job_table([meta]).to_html(),
        format_job_html(str(meta.get("job_id")), meta, now),
    ]
    for page in pages:
        if found := find_active_content(page):
            raise Harm(f"a view has {found[0]}")
    text = describe(bent, now) + "".join(pages)
    if "\x1b" in text or "\u202e" in text:
        raise Harm("control characters in a view")
    return pages


def _http(random: random.Random, folder: Path) -> Any:
    return _check_words(servers.attack_by(random, servers.http_talk(random), "http"))


def _tls(random: random.Random, folder: Path) -> Any:
    return _check_words(servers.attack_by(random, servers.tls_talk(random), random.choice(("http", "tcp"))))


def _check_words(text: str) -> str:
    if SECRET in text or any(not (c.isprintable() or c == "\n") for c in text):
        raise Harm(f"it was said: {text[:100]!a}")
    return text


def _metas(random: random.Random, folder: Path) -> Any:
    metas = [reply["meta"]["job_meta"] for reply in replies() if "job_meta" in reply.get("meta", {})]
    bad = bend(random, random.choice(metas))
    snapshot = apply_meta(JobSnapshot("j"), bad if isinstance(bad, dict) else {}, 5.0)
    return str(snapshot), sanitize(str(bad))


KINDS: dict[str, tuple[Attack, tuple[type[Exception], ...], float]] = {
    "frames": (_frames, (), 2.0),
    "payloads": (_payloads, (), 2.0),
    "replies": (_replies, (), 2.0),
    "logins, transfers": (_logins, (), 1.0),
    "archives": (_archives, (), 1.0),
    "results": (_results, (), 0.5),
    "kits": (_kits, (), 0.3),
    "logs": (_logs, (), 0.3),
    "log viewer": (_log_viewer, (), 0.5),
    "configurations": (_configurations, (ConfigFileError,), 1.0),
    "job metas": (_metas, (), 1.0),
    "static views": (_views, (), 1.0),
    "HTTP": (_http, (), 0.2),
    "TLS": (_tls, (), 0.2),
}
"""By name: the attack, the exceptions that are documented besides `FlareError`, and its share of the inputs."""
