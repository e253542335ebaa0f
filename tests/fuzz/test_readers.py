"""Whoever reads what a decoder made of a peer's bytes: any value is read, or refused with an error of ours."""

from __future__ import annotations

import base64
import dataclasses
import inspect
import json
import zipfile
from typing import Any

import kits
import pytest
from cryptography import x509
from damage import JUNK, bent, damaged, payloads, peak, replies, survives
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples

from flare_widgets.api import commands
from flare_widgets.api.transfer import unpack
from flare_widgets.formatting.text import sanitize, sanitize_lines
from flare_widgets.kit import StartupKit
from flare_widgets.monitoring import JobSnapshot, apply_meta
from flare_widgets.wire import cell, hci, login, transfers

#: Arguments for each function that makes a command.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(
        ["list_jobs", "get_system_info", "admin_check_status", "get_client_job_status", "list_sessions"], ()
    ),
    **dict.fromkeys(["report_env", "list_studies", "get_registrations"], ()),
    **dict.fromkeys(["get_job_meta", "clone_job", "abort_job", "delete_job", "download_job", "reset_errors"], ("j",)),
    **dict.fromkeys(["list_job_components", "download_job_components", "submit_job", "get_job_log"], ("j",)),
    **dict.fromkeys(["remove_client", "disable_client", "enable_client", "pwd", "ls"], ("site-1",)),
    **dict.fromkeys(["show_stats", "show_errors"], ("j", "all")),
    **dict.fromkeys(["check_status", "report_resources", "report_version", "restart", "shutdown"], ("all",)),
    **dict.fromkeys(["register_study", "add_study_site", "remove_study_site"], ("s", ["site-1"])),
    **dict.fromkeys(["remove_study", "show_study"], ("s",)),
    **dict.fromkeys(["add_study_user", "remove_study_user"], ("s", "u")),
    "app_command": ("j", "topic", {}),
    "configure_job_log": ("j", "INFO"),
    "configure_site_log": ("INFO",),
    "read_file": ("cat", "site-1", None, "log.txt"),
    "grep": ("site-1", None, "x", "log.txt"),
    "tail_from": ("site-1", "log.txt", 7),
}
COMMANDS = {name: getattr(commands, name)(*arguments) for name, arguments in ARGUMENTS.items()}


def test_every_command_is_here() -> None:
    makers = {
        name
        for name in commands.__all__
        if inspect.isfunction(f := getattr(commands, name))
        and str(inspect.signature(f).return_annotation).startswith("Command")
    }
    assert makers == set(ARGUMENTS)


def reply_of(envelope: Any) -> hci.CommandReply:
    """Through the decoder, which does not let everything through."""
    return hci.decode(json.dumps(envelope, default=str))


@settings(max_examples=examples(400))
@given(st.sampled_from(replies()), st.data())
def test_every_command_reads_any_reply(reply: Any, data: st.DataObject) -> None:
    bad = data.draw(bent(reply))
    for command in COMMANDS.values():
        survives(lambda command=command: command.parse_reply(reply_of(bad)))  # type: ignore[misc]


KEYS = sorted({key for reply in replies() for key in reply.get("meta", {})})
WORDS = JUNK | st.sampled_from(["error", "string", "success", "dict", "table", "token", "REJECT: AUTH_X: \x1b[1m", "j"])
INVENTED = st.fixed_dictionaries(
    {
        "data": st.lists(st.fixed_dictionaries({}, optional={"type": WORDS, "data": WORDS, "rows": JUNK}), max_size=3),
        "meta": st.dictionaries(st.sampled_from(KEYS), WORDS, max_size=4) | JUNK,
    },
    optional={"time": JUNK},
)


@settings(max_examples=examples(200))
@given(INVENTED)
def test_every_command_reads_any_invented_reply(reply: Any) -> None:
    for command in COMMANDS.values():
        survives(lambda command=command: command.parse_reply(reply_of(reply)))  # type: ignore[misc]


@pytest.mark.parametrize("levels", [30, 70, 300, 900, 960, 980, 990, 1000, 100_000])
@pytest.mark.parametrize("where", ["time", "info", "status", "data", "meta"])
def test_nested_reply_is_read_or_refused(levels: int, where: str) -> None:
    deep = "[" * levels + "1" + "]" * levels
    texts = {
        "time": f'{{"data": [], "time": {deep}}}',
        "info": f'{{"data": [{{"type": "string", "data": ""}}], "meta": {{"status": "error", "info": {deep}}}}}',
        "status": f'{{"data": [], "meta": {{"status": {deep}}}}}',
        "data": f'{{"data": [{{"type": "table", "rows": [1, [{deep}, 1]]}}, {{"type": "dict", "data": {deep}}}]}}',
        "meta": f'{{"data": [], "meta": {{"job_meta": {deep}, "files": {deep}, "jobs": {deep}}}}}',
    }
    for command in COMMANDS.values():
        survives(lambda command=command: command.parse_reply(hci.decode(texts[where])))  # type: ignore[misc]


def test_large_valid_reply_is_read() -> None:
    jobs = [{"job_id": f"{i:036}", "job_name": "a job", "status": "RUNNING", "duration": "N/A"} for i in range(20_000)]
    table = {"data": [{"type": "table", "rows": [list(job.values()) for job in jobs]}], "meta": {"jobs": jobs}}
    text = json.dumps(table)
    assert len(text) > 3_600_000
    assert len(commands.list_jobs().parse_reply(hci.decode(text))) == 20_000
    log = "x" * (60 << 20)
    text = json.dumps({"data": [{"type": "string", "data": log}]})
    command = commands.read_file("cat", "server", None, "log.txt")
    assert command.parse_reply(hci.decode(text, command.max_reply_chars)) == log


def test_log_of_json_lines_is_one_value() -> None:
    log = json.dumps({"levelname": "INFO", "message": 'a "b" \\ [1, 2, {3}]'}) + "\n"
    text = json.dumps({"data": [{"type": "dict", "data": {"logs": {"server": log * 200_000}}}]})
    assert hci.decode(text, hci.MAX_LOG_CHARS).items[0]["data"]["logs"]["server"] == log * 200_000


#: What each of many values of a reply can be, so that it takes much memory.
UNITS = {
    "list": "[],",
    "map": "{},",
    "map of one": '{"a":0},',
    "map of many": '{"a":0,"b":1,"c":2,"d":3,"e":4,"f":5},',
    "number": "1,",
    "text": '"ab",',
    "half a character": '"\\ud800",',
    "quotes": '"\\"",',
    "nested": '{"a":[{"b":[]}]},',
    "deep": "[",
    "quote": '"',
}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("limit", ["characters", "values", "neither"])
def test_reply_that_grows_is_bounded(unit: str, limit: str) -> None:
    separators = max(1, sum(map(UNITS[unit].count, ",[{")))
    count = {
        "characters": (60 << 20) // len(UNITS[unit]),
        "values": (15 << 20) // len(UNITS[unit]),
        "neither": (hci.MAX_VALUES - 20) // separators,
    }[limit]
    text = '{"data":[{"type":"success","data":""}],"meta":{"jobs":[' + UNITS[unit] * count + "0]}}"
    assert peak(lambda: hci.decode(text)) < 64 << 20


def test_reply_at_limit_is_read() -> None:
    text = '{"data":[],"meta":{"jobs":[' + '{"a":0},' * (hci.MAX_VALUES // 2 - 10) + "0]}}"
    assert len(hci.decode(text).meta["jobs"]) == hci.MAX_VALUES // 2 - 9


# what is no reply to a command


ANSWERS = st.sampled_from([value for value in payloads() if isinstance(value, dict)])


@settings(max_examples=examples(300))
@given(ANSWERS, st.data())
def test_answers_to_transfers(answer: dict[str, Any], data: st.DataObject) -> None:
    bad = data.draw(bent(answer))
    for read in (transfers.read_upload_reply, transfers.read_download_chunk):
        survives(lambda read=read: read(bad))  # type: ignore[misc]
    if isinstance(bad, dict):
        survives(lambda: transfers.read_file_list(bad))


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> StartupKit:
    return StartupKit.load(kits.write_kit(tmp_path_factory.mktemp("kits") / "kit"))


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ANSWERS, st.data())
def test_answers_to_login(kit: StartupKit, answer: dict[str, Any], data: st.DataObject) -> None:
    value = data.draw(bent(answer) | bent({"cn": "server", "nonce": "n", "signature": b"s", "cert": kit.certificate}))
    code, error = data.draw(st.sampled_from(["ok", "\x1b[1m"])), data.draw(st.sampled_from(["", "x" * 9000]))
    reply = cell.CellReply("id", code, error, value)
    survives(lambda: login.read_challenge(kit, "nonce", reply))
    survives(lambda: login.read_registration(kit, reply))


@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(replies()) | INVENTED, st.data())
def test_verdicts_on_login(kit: StartupKit, reply: Any, data: st.DataObject) -> None:
    bad = data.draw(bent(reply))
    survives(lambda: login.read_login(kit, reply_of(bad)))


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_certificate_proves_nothing(kit: StartupKit, data: st.DataObject) -> None:
    pem = data.draw(damaged(kit.certificate, kits.server().pem))
    reply = cell.CellReply("id", "ok", "", {"cn": "server", "nonce": "n", "signature": b"s" * 256, "cert": pem})
    assert survives(lambda: login.read_challenge(kit, "nonce", reply)) is None


def test_long_certificate_chain_is_not_parsed(kit: StartupKit, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []

    def load(pem: bytes) -> Any:
        parsed.append(len(pem))
        raise ValueError

    monkeypatch.setattr(x509, "load_pem_x509_certificates", load)
    for copies in (1, 5000):
        answer = {"cn": "server", "nonce": "n", "signature": b"s", "cert": kit.certificate * copies}
        reply = cell.CellReply("id", "ok", "", answer)
        assert survives(lambda reply=reply: login.read_challenge(kit, "nonce", reply)) is None  # type: ignore[misc]
    assert parsed == [len(kit.certificate), 0]


@pytest.mark.parametrize("levels", [100, 990, 100_000])
def test_nested_token_claims_are_ignored(levels: int) -> None:
    token = base64.b64encode(b"[" * levels + b"]" * levels).decode()
    assert survives(lambda: login.token_claims(f"{token}:signature")) == {}


METAS = [reply["meta"]["job_meta"] for reply in replies() if "job_meta" in reply.get("meta", {})]


@settings(max_examples=examples(200))
@given(st.lists(st.sampled_from(METAS), min_size=1, max_size=3), st.data())
def test_any_meta_of_job_is_folded(metas: list[Any], data: st.DataObject) -> None:
    snapshot = JobSnapshot("j")
    for now, meta in enumerate(metas):
        bad = data.draw(bent(meta))
        if isinstance(bad, dict):
            snapshot = apply_meta(snapshot, bad, float(now))
    assert JobSnapshot.from_json(json.loads(json.dumps(snapshot.to_json()))) == snapshot
    survives(lambda: snapshot)


@settings(max_examples=examples(200))
@given(st.data())
def test_malformed_snapshot_is_read_or_refused(data: st.DataObject) -> None:
    good = json.loads(json.dumps(apply_meta(JobSnapshot("j"), METAS[-1], 5.0).to_json()))
    bad = data.draw(bent(good))
    read = survives(lambda: JobSnapshot.from_json(bad), ValueError)
    assert read is None or dataclasses.is_dataclass(read)


# a kit and a zip


@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_kit_is_loaded_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = kits.write_kit(tmp_path_factory.mktemp("damaged") / "kit")
    files = sorted(f for f in (folder / "startup").iterdir() if f.is_file())
    file = data.draw(st.sampled_from([*files, folder / "startup" / "signature.json"]))
    good = file.read_bytes() if file.exists() else b'{"fed_admin.json": "c2lnbmF0dXJl"}'
    file.write_bytes(data.draw(damaged(good)))
    survives(lambda: StartupKit.load(folder))
    survives(lambda: StartupKit.check(folder, network=False))


@pytest.fixture(scope="module")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = tmp_path_factory.mktemp("zips") / "good.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("workspace/", b"")
        archive.writestr("workspace/log.txt", b"a log\n" * 200)
        archive.writestr("workspace/results/model.bin", bytes(range(256)) * 4)
        archive.writestr("meta.json", b"{}")
    return file.read_bytes()


@settings(max_examples=examples(300), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_zip_is_unpacked_or_refused(
    zipped: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("zip")
    archive = folder / "a.zip"
    tail = data.draw(st.booleans())  # the list of members is at the end, and says most
    head = zipped[: len(zipped) - 260] if tail else b""
    archive.write_bytes(head + data.draw(damaged(zipped[len(head) :])))
    survives(lambda: unpack.unpack(archive, folder / "out"))
    assert {p.name for p in folder.iterdir()} <= {"a.zip", "out"}


@given(st.text() | st.just("\x1b]0;x\x07\u202e" * 999), st.integers(1, 300))
def test_any_text_is_sanitized_for_display(text: str, limit: int) -> None:
    for made, also in ((sanitize(text, limit), ""), (sanitize_lines(text, limit), "\n")):
        assert len(made) <= limit
        assert all(c.isprintable() or c in also for c in made)


@given(JUNK)
def test_any_value_is_sanitized_for_display(value: Any) -> None:
    assert all(c.isprintable() or c == "\n" for c in sanitize_lines(value))
