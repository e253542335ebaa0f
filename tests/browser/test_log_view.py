"""The live log in the job view, by mouse and by keyboard, in a real JupyterLab."""

from __future__ import annotations

import re

import pytest
from contrast import contrasts
from job_panel import JobPanel
from lab_page import NotebookPage
from playwright.sync_api import Locator, expect

SETUP = (
    "from flare_widgets.views.display import show_job\n"
    "from flare_widgets.errors import AuthorizationError\n"
    "from scripted import ScriptedSession, ScriptedWatch\n"
    "watch, session = ScriptedWatch(), ScriptedSession()"
)
SHOW = "view = show_job(watch, session)"
SOME = (
    "session.log('site-1', 'INFO Round 0 started.', 'DEBUG a detail', 'WARNING slow site', 'ERROR site-1 failed:')\n"
    "session.logs['site-1'] += b'Traceback (most recent call last):\\n'\n"
    "session.log('site-1', 'INFO Round 1 started.')"
)
MANY = "session.log('site-1', *[f'INFO step {{n}} of many' for n in range(1, {count} + 1)])"


class LogPanel:
    """The log of a job view."""

    def __init__(self, bench: NotebookPage) -> None:
        self.page = bench.page
        self.root = JobPanel(bench.outputs(1)).live.locator(".flw-log")
        self.fold = self.root.get_by_role("button", name="Log", exact=True)
        self.list = self.root.get_by_role("listbox", name="log lines")
        self.search = self.root.get_by_role("searchbox", name="search in the log")
        self.count = self.root.locator(".flw-log-count")
        self.words = self.root.locator(".flw-log-words")

    def button(self, name: str | re.Pattern[str]) -> Locator:
        return self.root.get_by_role("button", name=name)

    @property
    def lines(self) -> Locator:
        return self.list.locator(".flw-log-line:not(.flw-log-day)")

    def line(self, words: str) -> Locator:
        return self.lines.filter(has=self.page.locator(".flw-log-text").get_by_text(words))

    def texts(self) -> list[str]:
        """Return the messages of the lines in sight, from above."""
        found = self.list.evaluate(
            """list => [...list.querySelectorAll('.flw-log-line:not(.flw-log-day)')]
              .map(line => [line.getBoundingClientRect().top, line.querySelector('.flw-log-text').textContent])
              .sort((a, b) => a[0] - b[0]).map(([, text]) => text)"""
        )
        return [str(text) for text in found]

    def at_end(self) -> bool:
        end: bool = self.list.evaluate("list => list.scrollTop + list.clientHeight >= list.scrollHeight - 2")
        return end


def begin(bench: NotebookPage, setup: str) -> LogPanel:
    bench.fill(f"{SETUP}\n{setup}", SHOW)
    bench.run(0)
    bench.run(1)
    bench.run_code("watch.say('RUNNING')")
    JobPanel(bench.outputs(1)).expect_status("RUNNING")
    return LogPanel(bench)


@pytest.fixture
def log(bench: NotebookPage) -> LogPanel:
    """A short log, unfolded."""
    log = begin(bench, SOME)
    log.fold.click()
    expect(log.lines).to_have_count(6)
    return log


def test_folded_log_unread_until_unfolded(bench):
    log = begin(bench, SOME)
    expect(log.fold).to_have_attribute("aria-expanded", "false")
    bench.run_code("assert session.asked == [], session.asked")
    log.fold.focus()
    bench.page.keyboard.press("Enter")
    expect(log.lines).to_have_count(6)
    assert log.texts()[0] == "Round 0 started."
    expect(log.list.locator(".flw-log-day")).to_have_text(re.compile("2026.*, by the clock of site-1"))
    failed = log.line("site-1 failed").locator(".flw-log-columns")
    expect(failed.locator(".flw-log-time")).to_have_text("19:00:45")
    expect(failed.locator(".flw-log-source")).to_have_text("Trainer")
    expect(failed).to_have_attribute("title", re.compile("^2026-11-23 19:00:45,046, .*\nline 4\n"))
    bench.run_code("session.log('site-1', 'INFO Round 2 started.')")
    expect(log.line("Round 2 started.")).to_be_visible()
    bench.run_code("assert session.count('ls') == 1, session.asked")
    bench.run_code("assert session.asked[-1].startswith('tail site-1 -c+'), session.asked[-1]")
    log.fold.click()
    expect(log.list).to_be_hidden()
    bench.run_code("import time; time.sleep(0.3); asked = len(session.asked); time.sleep(2.5)")
    bench.run_code("assert len(session.asked) == asked, 'it is read although nobody looks'")


def test_offscreen_log_is_not_read(bench):
    some = SOME.replace("'site-1'", "'server'")  # no site is known yet
    bench.fill(f"{SETUP}\n{some}", SHOW, "# far below\n" * 200)
    bench.run(0)
    bench.run(1)
    log = LogPanel(bench)
    log.fold.click()
    expect(log.lines).to_have_count(6)
    bench.cell(2).locator(".cm-line").last.scroll_into_view_if_needed()
    expect(log.fold).not_to_be_in_viewport()
    bench.run_code("import time; time.sleep(0.5); asked = len(session.asked); time.sleep(2.5)")
    bench.run_code("assert len(session.asked) == asked, 'it is read although nobody looks'")
    bench.run_code("session.log('server', 'INFO back again')")
    bench.cell(1).scroll_into_view_if_needed()
    expect(log.line("back again")).to_be_visible()


def test_levels_have_signs_words_and_counts(bench, log):
    names = [re.compile(rf"^{words}$") for words in ("✕ 2 errors", "! 1 warning", "2 info", "· 1 debug")]
    for name in names:
        expect(log.button(name)).to_have_attribute("aria-pressed", "true")
    expect(log.line("site-1 failed").locator(".flw-log-sign")).to_have_text("✕")
    expect(log.line("slow site").locator(".flw-log-sign")).to_have_text("!")
    # A traceback belongs to its error.
    assert log.line("Traceback").get_attribute("data-level") == "error"
    log.button(names[2]).click()
    log.button(names[3]).focus()
    bench.page.keyboard.press("Space")
    expect(log.button(names[3])).to_have_attribute("aria-pressed", "false")
    expect(log.lines).to_have_count(3)
    assert log.texts() == ["slow site", "site-1 failed:", "Traceback (most recent call last):"]
    bench.run_code("session.log('site-1', 'INFO hidden', 'ERROR seen')")
    expect(log.line("seen")).to_be_visible()
    expect(log.lines).to_have_count(4)


def test_log_follows_until_scrolled_and_resumes(bench):
    log = begin(bench, MANY.format(count=500))
    log.fold.click()
    expect(log.line("step 500 of many")).to_be_visible()
    expect(log.button("Following")).to_have_attribute("aria-pressed", "true")
    log.list.hover()
    bench.page.mouse.wheel(0, -2000)
    expect(log.button("Follow")).to_have_attribute("aria-pressed", "false")
    before = log.texts()
    bench.run_code("session.log('site-1', 'INFO the newest')")
    expect(log.button("501 info")).to_be_visible()
    assert log.texts() == before, "it jumps under its reader's eyes"
    log.button("Follow").click()
    expect(log.line("the newest")).to_be_visible()
    expect(log.button("Following")).to_be_visible()
    bench.run_code("session.log('site-1', 'INFO and one more')")
    expect(log.line("and one more")).to_be_visible()
    assert log.at_end()


def test_search_by_keyboard(bench):
    log = begin(bench, MANY.format(count=2000))
    log.fold.click()
    expect(log.line("step 2000 of many")).to_be_visible()
    log.list.focus()
    bench.page.keyboard.press("/")
    expect(log.search).to_be_focused()
    # Letters are JupyterLab's shortcuts elsewhere: "d d" would delete the cell.
    bench.page.keyboard.type("dd")
    expect(log.count).to_have_text("not found")
    expect(bench.cell(1)).to_be_visible()
    log.search.fill("STEP 77 ")
    expect(log.count).to_have_text("1")
    bench.page.keyboard.press("Enter")
    expect(log.count).to_have_text("1 of 1")
    expect(log.line("step 77 of many").locator("mark")).to_have_text("step 77 ")
    log.search.fill("step 19")
    expect(log.count).to_have_text("111")
    bench.page.keyboard.press("Enter")
    first = log.count.inner_text()
    bench.page.keyboard.press("Enter")
    expect(log.count).not_to_have_text(first)
    bench.page.keyboard.press("Shift+Enter")
    expect(log.count).to_have_text(first)
    log.button("next match").click()
    expect(log.count).not_to_have_text(first)
    bench.page.keyboard.press("Escape")
    log.search.press("Escape")
    expect(log.search).to_have_value("")
    expect(log.list.locator("mark")).to_have_count(0)


def test_copy_takes_shown_or_selected_lines(bench, log):
    log.button("2 info").click()
    log.button("Copy").click()
    announced = JobPanel(bench.outputs(1)).live.get_by_role("status")
    expect(announced).to_have_text("copied 4 lines")
    copied = bench.page.evaluate("() => navigator.clipboard.readText()").splitlines()
    assert [line.rpartition(" - ")[2] for line in copied] == [
        "a detail",
        "slow site",
        "site-1 failed:",
        "Traceback (most recent call last):",
    ]
    log.list.focus()
    for key in ("Home", "ArrowDown", "Shift+ArrowDown", "Control+c"):  # the first row is the day
        bench.page.keyboard.press(key)
    expect(announced).to_have_text("copied 2 lines")
    assert len(bench.page.evaluate("() => navigator.clipboard.readText()").splitlines()) == 2
    log.line("slow site").locator(".flw-log-text").select_text()
    log.button("Copy").click()
    expect(announced).to_have_text("copied what is selected")
    assert bench.page.evaluate("() => navigator.clipboard.readText()").endswith("slow site")


def test_site_logs_separate_and_missing_named(bench, log, pictures):
    bench.run_code("session.log('server', 'INFO trained on all')")
    log.root.get_by_role("combobox", name="whose log").select_option("server")
    expect(log.line("trained on all")).to_be_visible()
    expect(log.lines).to_have_count(1)
    log.root.get_by_role("combobox", name="whose log").select_option("site-2")
    expect(log.words).to_have_text("site-2 has no log of this job yet")
    bench.run_code("watch.say('FINISHED:EXECUTION_EXCEPTION', duration=61.5)")
    expect(log.words).to_have_text(
        re.compile(
            r"^site-2 has no log of this job: it stopped without leaving one, or removed it\. Its administrator can"
        )
    )
    bench.screenshot(bench.cell(1), pictures and pictures / "log-none.png")
    bench.run_code("session.answers['ls'] = AuthorizationError('user lead is not authorized for ls')")
    log.root.get_by_role("combobox", name="whose log").select_option("site-1")
    expect(log.lines).to_have_count(6)


def test_own_code_alone_connections_folded(bench):
    head = "2026-11-28 02:45:0{n},000 - {logger} - INFO - [identity=site-1, run=76b8] - "
    lines = [
        head.format(n=1, logger="ClientRunner") + "got task assignment: name=train, id=t1",
        head.format(n=2, logger="Cell") + "Register blob CB",
        head.format(n=3, logger="Cell") + "sent",
        head.format(n=4, logger="TaskScriptRunner") + "loss 0.31",
        head.format(n=5, logger="ClientRunner") + "got task assignment: name=train, id=t2",
    ]
    log = begin(bench, f"session.logs['site-1'] = {chr(10).join([*lines, '']).encode()!r}")
    log.fold.click()
    expect(log.lines).to_have_count(4)
    assert "identity" not in log.list.inner_text()
    log.line("2 lines about connections").click()
    expect(log.lines).to_have_count(5)
    log.root.get_by_role("combobox", name="jump to").select_option("task train, 02:45:05")
    expect(log.list.locator(".flw-active .flw-log-time")).to_have_text("02:45:05")
    own = log.button("My code only (1)")
    own.click()
    expect(log.lines).to_have_count(1)
    expect(log.line("loss 0.31").locator(".flw-log-source")).to_have_text("print")
    own.click()
    expect(log.lines).to_have_count(5)


def test_log_colours_kept_other_escapes_removed(bench):
    evil = "\\x1b[2J\\x1b]0;owned\\x07<img src=x onerror=window.pwned++>"
    log = begin(bench, f"session.log('site-1', 'INFO \\x1b[32mgreen\\x1b[0m plain {evil}')")
    bench.page.evaluate("() => { window.pwned = 0 }")
    log.fold.click()
    expect(log.lines).to_have_count(1)
    assert log.texts() == ["green plain <img src=x onerror=window.pwned++>"]
    expect(log.list.locator(".flw-ansi-2")).to_have_text("green")
    assert bench.page.evaluate("() => window.pwned") == 0


def test_hundred_thousand_lines_stay_smooth(bench):
    log = begin(bench, MANY.format(count=60_000))
    log.fold.click()
    expect(log.button("60,000 info")).to_be_visible()
    bench.run_code(MANY.format(count=40_000))
    expect(log.button("100,000 info")).to_be_visible()
    expect(log.line("step 40000 of many")).to_be_visible()
    assert log.lines.count() < 60
    # Through all of it in long leaps: after two frames the reader sees lines from edge to edge, and few are kept.
    most, blank = log.list.evaluate(
        """async list => {
          const frame = () => new Promise(requestAnimationFrame);
          let most = 0, blank = 0;
          for (let step = 0; step <= 60; step++) {
            list.scrollTop = list.scrollHeight * step / 60;
            await frame();
            await frame();
            const lines = [...list.querySelectorAll('.flw-log-line')], sight = list.getBoundingClientRect();
            const drawn = y => lines.some(line => {
              const { top, bottom } = line.getBoundingClientRect();
              return top <= y && y <= bottom && /step|by the clock/.test(line.textContent);
            });
            if (!drawn(sight.top + 10) || !drawn(sight.bottom - 30)) blank++;
            most = Math.max(most, lines.length);
          }
          return [most, blank];
        }"""
    )
    assert most < 60
    assert blank == 0


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_word_can_be_read(bench, log, theme, pictures):
    bench.run_code("session.log('site-1', *[f'INFO \\x1b[3{n}mcolour {n}\\x1b[0m' for n in range(8)])")
    bench.theme(theme)
    log.search.fill("round")
    expect(log.count).to_have_text("2")
    log.search.press("Enter")
    log.list.focus()
    bench.page.keyboard.press("Shift+ArrowUp")
    found = contrasts(log.root)
    assert len(found) > 25, found
    assert not {text: ratio for text, ratio in found.items() if ratio < 4.5}
    bench.screenshot(bench.cell(1), pictures and pictures / f"log-{theme.split()[-1].lower()}.png")
    bench.theme("JupyterLab Light")


def test_fits_narrow_output(bench, log, pictures):
    bench.hide_left_area()
    bench.page.set_viewport_size({"width": 420, "height": 900})
    bench.run_code("session.log('site-1', 'INFO ' + 'long ' * 100)")
    expect(log.line("long long")).to_be_visible()
    log.button("Wrap").click()
    expect(log.button("Wrap")).to_have_attribute("aria-pressed", "true")
    assert log.list.evaluate("list => list.scrollWidth <= list.clientWidth"), "wrapped lines need no scrolling sideways"
    assert log.at_end()
    assert log.root.bounding_box()["width"] < 340
    overflowing = log.root.evaluate(
        """root => {
          const outer = root.getBoundingClientRect();
          return [...root.querySelectorAll('*')].filter(part => !part.closest('.flw-list > *, .flw-spoken') &&
            part.getBoundingClientRect().right > outer.right + 1).map(part => part.className);
        }"""
    )
    assert overflowing == []
    bench.screenshot(bench.cell(1), pictures and pictures / "log-narrow.png")
