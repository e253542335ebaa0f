"""Tracebacks, read back from FLARE's logs."""

from __future__ import annotations

import sys
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flare_widgets.monitoring.diagnosis.tracebacks import ParsedTraceback, StackFrame, find_tracebacks
from flare_widgets.monitoring.logs.records import format_last_lines, parse_log

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


def one(text: str) -> ParsedTraceback:
    (found,) = find_tracebacks(parse_log(text))
    return found.traceback


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


@pytest.mark.parametrize("text", [record(PLAIN), by_line(PLAIN)], ids=["one record", "line by line"])
def test_frame_in_users_code(text: str) -> None:
    trace = one(text)
    assert trace.error == "ValueError: shapes (10,) and (12,) not aligned"
    assert len(trace.frames) == 5
    assert trace.user_frame == StackFrame(TRAINER, 11, "step", "return a @ b")
    assert trace.user_frame.custom_path == "nets/train.py"


def test_script_elsewhere_is_users_too() -> None:
    trace = one(record(PLAIN.replace("/srv/flare/site-2/f0f9/app_site-2/custom/nets", "/home/ada/work")))
    assert trace.user_frame == StackFrame("/home/ada/work/train.py", 11, "step", "return a @ b")
    assert trace.user_frame.custom_path == ""


def test_site_packages_are_not_user_code() -> None:
    trace = one(record(PLAIN.replace(LIBRARY, "/srv/j/app_x/custom/venv/lib/python3.11/site-packages/x.py")))
    assert trace.user_frame is not None
    assert trace.user_frame.line == 11


def test_without_frame_of_users() -> None:
    assert one(record(PLAIN.replace(TRAINER, LIBRARY))).user_frame is None


@pytest.mark.parametrize("form", [record, by_line], ids=["one record", "line by line"])
def test_cause_and_context(form: type[str]) -> None:
    code = "def f():\n  try:\n    {}['lr']\n  except KeyError as e:\n    raise RuntimeError('no\\nrate') {}\nf()"
    because = one(form(raised(code.format({}, "from e"))))
    assert (because.error, because.cause_relation) == ("RuntimeError: no rate", "because of")
    assert because.cause is not None
    assert (because.cause.error, because.cause.cause) == ("KeyError: 'lr'", None)
    assert because.user_frame is not None
    assert because.user_frame.line == 5
    handling = one(form(raised(code.format({}, ""))))
    assert (handling.error, handling.cause_relation) == ("RuntimeError: no rate", "while handling")
    hidden = one(form(raised(code.format({}, "from None"))))
    assert (hidden.error, hidden.cause) == ("RuntimeError: no rate", None)


@pytest.mark.parametrize("form", [record, by_line], ids=["one record", "line by line"])
def test_syntax_error(form: type[str]) -> None:
    trace = one(form(raised("x = 1\ndef main(:\n    pass")))
    assert trace.error.startswith("SyntaxError: ")
    assert trace.user_frame == StackFrame(TRAINER, 2, "", "def main(:")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="no exception groups")
@pytest.mark.parametrize("form", [record, by_line], ids=["one record", "line by line"])
def test_exception_group(form: type[str]) -> None:
    code = "def f():\n    raise ExceptionGroup('both', [ValueError('one'), KeyError('two')])\nf()"
    trace = one(form(raised(code)))
    assert trace.error == "ExceptionGroup: both (2 sub-exceptions)"
    assert trace.cause is not None
    assert trace.cause.error == "ValueError: one"
    assert trace.user_frame is not None
    assert trace.user_frame.line == 2


def test_what_follows_group_is_read_too() -> None:
    group = """\
  + Exception Group Traceback (most recent call last):
  |   File "/home/ada/train.py", line 2, in f
  | ExceptionGroup: both (1 sub-exception)
  +-+---------------- 1 ----------------
    | ValueError: one
    +------------------------------------
"""
    found = find_tracebacks(parse_log(by_line(group) + by_line(PLAIN)))
    assert [f.traceback.type for f in found] == ["ExceptionGroup", "ValueError"]
    assert found[0].record_index < found[1].record_index


def test_endless_chains_are_cut() -> None:
    link = "\nDuring handling of the above exception, another exception occurred:\n\n"
    (found,) = find_tracebacks(parse_log(record(link.join([PLAIN] * 3000))))
    assert len(found.traceback.chain) <= 20
    nested = "  + Exception Group Traceback (most recent call last):\n  | ExceptionGroup: x\n  +-+--- 1 ---\n" * 3000
    assert all(len(found.traceback.chain) <= 21 for found in find_tracebacks(parse_log(record(nested))))


def test_late_output_is_excluded_from_error() -> None:
    later = record("terminating trainer", "ExternalProcessBackend", "INFO").replace("16:12:53", "16:13:23")
    assert one(by_line("Traceback (most recent call last):\nValueError: x") + later).error == "ValueError: x"


def test_exceptions_without_message_or_with_module() -> None:
    assert one(record("Traceback (most recent call last):\nAssertionError\n")).error == "AssertionError"
    text = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\ntorch.cuda.OutOfMemoryError: CUDA\n'
    assert one(record(text)).error == "OutOfMemoryError: CUDA"


def test_log_truncated_in_traceback_is_ignored() -> None:
    assert find_tracebacks(parse_log(record("\n".join(PLAIN.splitlines()[:5])))) == []


def test_two_tracebacks_in_order() -> None:
    text = record(PLAIN) + record(PLAIN.replace("shapes (10,)", "shapes (11,)"))
    assert [f.record_index for f in find_tracebacks(parse_log(text))] == [0, 1]


PIECES = st.sampled_from(
    [*PLAIN.splitlines(keepends=True), record("x"), record(PLAIN), by_line(PLAIN), "\n", "{}", '{"message": 1}\n']
)


@given(st.lists(PIECES | st.text(max_size=30), max_size=30))
def test_any_text_can_be_read(pieces: list[str]) -> None:
    records = parse_log("".join(pieces))
    for found in find_tracebacks(records):
        assert found.traceback.error.isprintable()
        assert 0 <= found.record_index < len(records)
    assert all(line.isprintable() for line in format_last_lines(records))
