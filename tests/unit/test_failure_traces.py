"""Log records and tracebacks, read back from FLARE's logs."""

from __future__ import annotations

import json
import sys
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flare_widgets.monitoring.diagnosis.tracebacks import Frame, Trace, find_traces
from flare_widgets.monitoring.logs.records import LINES, WIDTH, Record, parse_log, tail

AT = "2026-11-25 16:12:53,132"
TRAINER = "/srv/flare/site-2/f0f9/app_site-2/custom/nets/train.py"
LIBRARY = "/opt/venv/lib/python3.11/site-packages/numpy/core.py"
FLARE = "/opt/src/nvflare/app_common/executors/task_script_runner.py"

PLAIN = f"""Traceback (most recent call last):
  File "{FLARE}", line 95, in run
    runpy.run_path(self.script_full_path)
  File "<frozen runpy>", line 291, in run_path
  File "{TRAINER}", line 28, in <module>
    main()
  File "{TRAINER}", line 11, in step
    return a @ b
           ~~^~~
  File "{LIBRARY}", line 7, in matmul
    raise ValueError(
        "shapes"
ValueError: shapes (10,) and (12,) not aligned
"""


def record(text: str, name: str = "TaskScriptRunner", level: str = "ERROR") -> str:
    return f"{AT} - {name} - {level} - {text}\n"


def one(text: str) -> Trace:
    (found,) = find_traces(parse_log(text))
    return found.trace


def by_line(text: str, name: str = "ExternalProcessBackend") -> str:
    """The text as a process's output is logged, with another logger's lines in between."""
    lines = [record(line, name, "INFO") + record("busy", "Communicator", "INFO") for line in text.splitlines() if line]
    return "".join(lines)


def raised(how: str) -> str:
    """The traceback that Python prints of some code."""
    try:
        exec(compile(how, TRAINER, "exec"), {})
    except Exception:
        return traceback.format_exc()
    raise AssertionError("nothing was raised")


def test_a_line_of_the_text_log() -> None:
    context = "identity=site-1, run=f0, peer=local, peer_rc=OK"
    (got,) = parse_log(f"{AT} - ClientRunner - INFO - [{context}] - got task: name=train\n")
    assert got == Record(AT, "ClientRunner", "INFO", "got task: name=train", context)
    assert got.lines() == ["16:12:53,132 - ClientRunner - INFO - got task: name=train"]
    assert not got.serious


def test_a_line_of_the_json_log_is_the_same_record() -> None:
    data = {
        "asctime": AT,
        "name": "ServerRunner",
        "fullName": "nvflare.private.fed.server.server_runner.ServerRunner",
        "levelname": "ERROR",
        "fl_ctx": "[identity=local, peer=site-2]",
        "message": "it\nfailed",
    }
    text = f"{AT} - ServerRunner - ERROR - [identity=local, peer=site-2] - it\nfailed\n"
    assert parse_log(json.dumps(data)) == parse_log(text)
    assert parse_log(text)[0].serious


def test_what_a_cut_off_log_begins_with_is_kept_apart() -> None:
    first, second = parse_log(f"    the end of something\nValueError: x\n{record('next')}")
    assert (first.name, first.message) == ("", "    the end of something\nValueError: x")
    assert second.message == "next"


def test_the_end_of_a_log_is_bounded_and_clean() -> None:
    records = parse_log("".join(record(f"{n} \x1b[31m\x07{'x' * 900}\tend") for n in range(50)))
    lines = tail(records)
    assert len(lines) == LINES
    assert all(line.isprintable() and len(line) <= WIDTH for line in lines)
    assert lines[-1].startswith("16:12:53,132 - TaskScriptRunner - ERROR - 49")
    assert tail(records, until=3)[-1].startswith("16:12:53,132 - TaskScriptRunner - ERROR - 3")


@pytest.mark.parametrize("text", [record(PLAIN), by_line(PLAIN)], ids=["one record", "line by line"])
def test_the_frame_in_the_users_code(text: str) -> None:
    trace = one(text)
    assert trace.error == "ValueError: shapes (10,) and (12,) not aligned"
    assert len(trace.frames) == 5
    assert trace.users == Frame(TRAINER, 11, "step", "return a @ b")
    assert trace.users.custom == "nets/train.py"


def test_a_script_elsewhere_is_the_users_too() -> None:
    trace = one(record(PLAIN.replace("/srv/flare/site-2/f0f9/app_site-2/custom/nets", "/home/ada/work")))
    assert trace.users == Frame("/home/ada/work/train.py", 11, "step", "return a @ b")
    assert trace.users.custom == ""


def test_a_package_in_the_custom_folder_is_none_of_the_users() -> None:
    trace = one(record(PLAIN.replace(LIBRARY, "/srv/j/app_x/custom/venv/lib/python3.11/site-packages/x.py")))
    assert trace.users is not None
    assert trace.users.line == 11


def test_without_a_frame_of_the_users() -> None:
    assert one(record(PLAIN.replace(TRAINER, LIBRARY))).users is None


@pytest.mark.parametrize("form", [record, by_line], ids=["one record", "line by line"])
def test_a_cause_and_a_context(form: type[str]) -> None:
    code = "def f():\n  try:\n    {}['lr']\n  except KeyError as e:\n    raise RuntimeError('no\\nrate') {}\nf()"
    because = one(form(raised(code.format({}, "from e"))))
    assert (because.error, because.link) == ("RuntimeError: no rate", "because of")
    assert because.before is not None
    assert (because.before.error, because.before.before) == ("KeyError: 'lr'", None)
    assert because.users is not None
    assert because.users.line == 5
    handling = one(form(raised(code.format({}, ""))))
    assert (handling.error, handling.link) == ("RuntimeError: no rate", "while handling")
    hidden = one(form(raised(code.format({}, "from None"))))
    assert (hidden.error, hidden.before) == ("RuntimeError: no rate", None)


@pytest.mark.parametrize("form", [record, by_line], ids=["one record", "line by line"])
def test_a_syntax_error(form: type[str]) -> None:
    trace = one(form(raised("x = 1\ndef main(:\n    pass")))
    assert trace.error.startswith("SyntaxError: ")
    assert trace.users == Frame(TRAINER, 2, "", "def main(:")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="no exception groups")
@pytest.mark.parametrize("form", [record, by_line], ids=["one record", "line by line"])
def test_an_exception_group(form: type[str]) -> None:
    code = "def f():\n    raise ExceptionGroup('both', [ValueError('one'), KeyError('two')])\nf()"
    trace = one(form(raised(code)))
    assert trace.error == "ExceptionGroup: both (2 sub-exceptions)"
    assert trace.before is not None
    assert trace.before.error == "ValueError: one"
    assert trace.users is not None
    assert trace.users.line == 2


def test_what_follows_a_group_is_read_too() -> None:
    group = """\
  + Exception Group Traceback (most recent call last):
  |   File "/home/ada/train.py", line 2, in f
  | ExceptionGroup: both (1 sub-exception)
  +-+---------------- 1 ----------------
    | ValueError: one
    +------------------------------------
"""
    found = find_traces(parse_log(by_line(group) + by_line(PLAIN)))
    assert [f.trace.type for f in found] == ["ExceptionGroup", "ValueError"]
    assert found[0].record < found[1].record


def test_endless_chains_are_cut() -> None:
    link = "\nDuring handling of the above exception, another exception occurred:\n\n"
    (found,) = find_traces(parse_log(record(link.join([PLAIN] * 3000))))
    assert len(found.trace.chain) <= 20
    nested = "  + Exception Group Traceback (most recent call last):\n  | ExceptionGroup: x\n  +-+--- 1 ---\n" * 3000
    assert all(len(found.trace.chain) <= 21 for found in find_traces(parse_log(record(nested))))


def test_output_long_after_an_error_is_no_part_of_it() -> None:
    later = record("terminating trainer", "ExternalProcessBackend", "INFO").replace("16:12:53", "16:13:23")
    assert one(by_line("Traceback (most recent call last):\nValueError: x") + later).error == "ValueError: x"


def test_exceptions_without_a_message_or_with_a_module() -> None:
    assert one(record("Traceback (most recent call last):\nAssertionError\n")).error == "AssertionError"
    text = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\ntorch.cuda.OutOfMemoryError: CUDA\n'
    assert one(record(text)).error == "OutOfMemoryError: CUDA"


def test_a_log_cut_off_in_a_traceback_tells_nothing() -> None:
    assert find_traces(parse_log(record("\n".join(PLAIN.splitlines()[:5])))) == []


def test_two_tracebacks_in_order() -> None:
    text = record(PLAIN) + record(PLAIN.replace("shapes (10,)", "shapes (11,)"))
    assert [f.record for f in find_traces(parse_log(text))] == [0, 1]


PIECES = st.sampled_from(
    [*PLAIN.splitlines(keepends=True), record("x"), record(PLAIN), by_line(PLAIN), "\n", "{}", '{"message": 1}\n']
)


@given(st.lists(PIECES | st.text(max_size=30), max_size=30))
def test_any_text_can_be_read(pieces: list[str]) -> None:
    records = parse_log("".join(pieces))
    for found in find_traces(records):
        assert found.trace.error.isprintable()
        assert 0 <= found.record < len(records)
    assert all(line.isprintable() for line in tail(records))
