"""The parser of FLARE's logs: both of its forms, pieces of any kind, and hostile text."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flare_widgets.monitoring.logs.records import (
    MAX_LINE_CHARS,
    MAX_SHOWN_CHARS,
    MAX_SHOWN_LINES,
    LogRecord,
    RecordParser,
    format_last_lines,
    parse_line,
    parse_log,
)

AT = "2026-11-25 16:12:53,132"
RECORDED: list[dict[str, str]] = [
    json.loads(line) for line in (Path(__file__).parent / "recordings_live" / "records.jsonl").read_text().splitlines()
]  # of servers of FedAvg, cyclic, swarm, cross-site, Flower and XGBoost jobs: with and without a context, of many lines


def as_text(data: dict[str, str]) -> str:
    """The record in the form of ``log.txt``, as FLARE's BaseFormatter writes it."""
    fields = [data["asctime"], data["name"], data["levelname"], data["fl_ctx"], data["message"]]
    return " - ".join(fields if data["fl_ctx"] else [*fields[:3], fields[4]]) + "\n"


def record(message: str, level: str = "INFO", name: str = "Trainer") -> str:
    return f"{AT} - {name} - {level} - {message}\n"


def test_parse_log_recorded_jobs_reads_every_record() -> None:
    expected = [
        LogRecord(d["asctime"], d["name"], d["levelname"], d["message"].rstrip(), d["fl_ctx"][1:-1]) for d in RECORDED
    ]
    assert parse_log("".join(json.dumps(d) + "\n" for d in RECORDED)) == expected
    assert parse_log("".join(map(as_text, RECORDED))) == expected
    assert all(r.local_time and r.logger and r.level for r in expected)
    assert {r.level for r in expected} == {"INFO", "WARNING", "ERROR"}


def test_parse_log_context_becomes_fields() -> None:
    (got,) = parse_log(record("[identity=site-1, run=f0, peer=local, peer_rc=OK, x] - got task: name=train - [a]"))
    assert got == LogRecord(
        AT, "Trainer", "INFO", "got task: name=train - [a]", "identity=site-1, run=f0, peer=local, peer_rc=OK, x"
    )
    assert got.context_fields == {"identity": "site-1", "run": "f0", "peer": "local", "peer_rc": "OK"}
    assert got.format_lines() == ["16:12:53,132 - Trainer - INFO - got task: name=train - [a]"]


@pytest.mark.parametrize(
    ("line", "logger", "level", "message"),
    [
        (f"{AT} - INFO - concise - INFO - x", "", "INFO", "concise - INFO - x"),
        (f"{AT} - site-1 - nvflare.app.Trainer - ERROR - verbose", "nvflare.app.Trainer", "ERROR", "verbose"),
        (f"{AT} - my-logger - WARNING - hyphen", "my-logger", "WARNING", "hyphen"),
        (f"{AT} - a name - NOTICE - own level - x - y", "a name", "NOTICE", "own level - x - y"),
        (f"\x1b[31;1m{AT} - Trainer - CRITICAL - coloured\x1b[0m", "Trainer", "CRITICAL", "coloured"),
        ("2026-11-25T16:12:53 - Trainer - DEBUG - other date", "Trainer", "DEBUG", "other date"),
        (f"{AT} - Trainer - INFO - ", "Trainer", "INFO", ""),
    ],
)
def test_parse_line_other_forms_are_read(line: str, logger: str, level: str, message: str) -> None:
    got = parse_line(line)
    assert got is not None
    assert (got.logger, got.level, got.message) == (logger, level, message)
    assert got.local_time is not None


@pytest.mark.parametrize(
    "line",
    [
        "", "no record", "{", "{}", '{"message": "x"}', '{"levelname": "INFO"}', "[]", AT, f"{AT} - ", f"{AT} - x",
        f"{AT} - Trainer - INFO", f"{AT} - Trainer - info - x", f" {AT} - Trainer - INFO - x", "{" * 100_000,
        '{"levelname": "INFO", "message": "' + "x" * MAX_LINE_CHARS + '"}', '{"message": ' + '{"a":' * 100_000,
    ],
)  # fmt: skip
def test_parse_line_other_text_begins_no_record(line: str) -> None:
    assert parse_line(line) is None


def test_parse_line_hostile_json_fields_are_empty() -> None:
    line = '{"message": null, "levelname": 5, "asctime": [], "name": {}, "fl_ctx": 7}'
    got = parse_line(line)
    assert got == LogRecord("", "", "", "")
    assert (got.severity, got.is_error, got.local_time, got.context_fields) == (1, False, None, {})


@pytest.mark.parametrize(
    ("level", "severity"),
    [("DEBUG", 0), ("INFO", 1), ("WARN", 2), ("WARNING", 2), ("ERROR", 3), ("CRITICAL", 4), ("FATAL", 4), ("X", 1)],
)
def test_severity_orders_levels(level: str, severity: int) -> None:
    got = LogRecord(AT, "x", level, "")
    assert (got.severity, got.is_error) == (severity, severity > 2)


def test_parse_log_cut_off_beginning_is_kept_apart() -> None:
    first, second = parse_log(f"\n    the end of something\nValueError: x\n{record('next')}")
    assert first == LogRecord("", "", "", "    the end of something\nValueError: x")
    assert second.message == "next"


def test_parse_log_text_after_json_is_kept_apart() -> None:
    json_line = json.dumps({"levelname": "INFO", "message": "one"})
    assert [r.message for r in parse_log(f"{json_line}\r\nprinted\n{record('two')}{json_line}")] == [
        "one", "printed", "two", "one",
    ]  # fmt: skip


def test_parser_json_record_is_complete_with_line() -> None:
    parser, line = RecordParser(), json.dumps({"levelname": "INFO", "message": "Zürich"}, ensure_ascii=False)
    assert parser.feed(line[:30]) == []
    assert [r.message for r in parser.feed(line[30:] + "\n")] == ["Zürich"]
    assert parser.finish() == []


def test_parser_text_record_is_complete_with_next() -> None:
    parser = RecordParser()
    assert parser.feed(record("one") + "  two\n") == []
    assert [r.message for r in parser.feed(record("three"))] == ["one\n  two"]
    assert [r.message for r in parser.finish()] == ["three"]


PIECES = st.sampled_from(
    [
        *map(as_text, RECORDED[:4]),
        *(json.dumps(d) + "\n" for d in RECORDED[:4]),
        record("x"),
        "\n",
        "\r\n",
        "{}",
        "\x1b[0m",
    ]
)


@given(st.lists(PIECES | st.text(max_size=30), max_size=15).map("".join), st.data())
def test_parser_pieces_give_same_records(text: str, data: st.DataObject) -> None:
    parser, found, begin = RecordParser(), [], 0
    for cut in sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8))):
        found += parser.feed(text[begin:cut])
        begin = cut
    assert [*found, *parser.feed(text[begin:]), *parser.finish()] == parse_log(text)


def test_format_last_lines_hostile_log_is_bounded_and_clean() -> None:
    records = parse_log("".join(record(f"{n} \x1b[31m\x07{'x' * 900}\tend", "ERROR") for n in range(50)))
    lines = format_last_lines(records)
    assert len(lines) == MAX_SHOWN_LINES
    assert all(line.isprintable() and len(line) <= MAX_SHOWN_CHARS for line in lines)
    assert lines[-1].startswith("16:12:53,132 - Trainer - ERROR - 49")
    assert format_last_lines(records, last_index=3)[-1].startswith("16:12:53,132 - Trainer - ERROR - 3")


@pytest.mark.parametrize(
    "text",
    [
        f"{AT} - " * 30_000, f"{AT} - [identity=" * 20_000, "\x1b[" * 300_000, "\x1b[1;" + "1;" * 400_000,
        record("[identity=" + "a, " * 300_000), (AT + "\n") * 30_000, "{}\n" * 30_000, " - " * 300_000, "\n" * 900_000,
    ],
    ids=["times", "contexts", "colours", "colour", "context", "lines", "braces", "separators", "breaks"],
)  # fmt: skip
def test_parse_log_hostile_text_takes_linear_time(text: str) -> None:
    began = time.process_time()
    sizes = [len(r.message) for r in parse_log(text)]
    assert time.process_time() - began < 10  # a slow machine needs one; going back over it again and again, hours
    assert sum(sizes) <= len(text)


def test_parser_endless_record_is_bounded() -> None:
    parser = RecordParser()
    for _ in range(8):
        parser.feed("x" * MAX_LINE_CHARS + "\n")
    (got,) = parser.finish()
    assert len(got.message) < 6 * MAX_LINE_CHARS
    assert parser.feed("y" * 3 * MAX_LINE_CHARS) == []
    assert len(parser.finish()[0].message) == MAX_LINE_CHARS
