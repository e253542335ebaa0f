"""Rare cases that must not mislead anybody: kernels that end, many views, keys only, hostile words."""

from __future__ import annotations

import os
import re
import signal
from html.parser import HTMLParser

from job_panel import JobPanel
from jobs_panel import JobsPanel
from lab_page import NotebookPage
from nbconvert import HTMLExporter
from playwright.sync_api import Dialog, Locator, expect

JOB = (
    "from flare_widgets.views.display import show_job\n"
    "from scripted import ScriptedSession, ScriptedWatch\n"
    "watch, session = ScriptedWatch(), ScriptedSession()\n"
    "watch.say('RUNNING')"
)
JOBS = (
    "from flare_widgets.views.jobs.view import JobsView\nfrom scripted_jobs import ScriptedMonitor\n"
    "monitor = ScriptedMonitor(12)\n"
    "table = JobsView(monitor, monitor.open_job, monitor.compare)\ntable.show()"
)
SYSTEM = (
    "from scripted_system import ScriptedSystem, show\n"
    "system = ScriptedSystem('hospital-a', 'hospital-b')\nsystem_view, admin = show(system)"
)
ENDED = "The kernel was shut down. Run the cell again to reconnect."
BANNER = ".flw-banner li > span:last-child"
GONE_WITHIN = 15_000  # the server looks for its dead kernels every three seconds


def kill_kernel(notebook: NotebookPage) -> None:
    """As when the machine has no memory left: nothing of the kernel's has the time to say goodbye."""
    file = notebook.lab.root / f"{notebook.name}.pid"
    notebook.run_code(f"import os; open({str(file)!r}, 'w').write(str(os.getpid()))")
    os.kill(int(file.read_text()), signal.SIGKILL)


def dismiss(notebook: NotebookPage) -> None:
    """JupyterLab says that the kernel died."""
    dialog = notebook.page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("appears to have died", timeout=GONE_WITHIN)
    dialog.get_by_role("button", name="Ok").click()
    expect(dialog).to_have_count(0)


def is_grey(button: Locator) -> None:
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_attribute("title", "the kernel was shut down")


def test_killed_kernel_is_reported_with_age(notebook, pictures):
    notebook.create(JOB, "view = show_job(watch, session)", JOBS, SYSTEM)
    for index in range(4):
        notebook.run(index)
    job, table = JobPanel(notebook.outputs(1)), JobsPanel(notebook.outputs(2))
    system = notebook.outputs(3).locator(".flw-system.flw-live")
    job.expect_status("RUNNING")
    expect(table.rows.first).to_be_visible()
    table.row(2).locator(".flw-col-status").click()
    expect(system).to_be_visible()
    kill_kernel(notebook)

    expect(job.live.locator(BANNER)).to_have_text(ENDED, timeout=GONE_WITHIN)
    expect(job.status).to_have_text("not live")
    expect(job.live.locator(".flw-last-known")).to_have_text(re.compile(r"^RUNNING \d+ s ago"))
    expect(job.elapsed).to_have_text(re.compile(r"elapsed when last seen$"))
    is_grey(job.grey_button("Abort"))
    expect(table.root.locator(BANNER)).to_have_text(re.compile(rf"^{re.escape(ENDED)} Showing the list from \d+ s ago"))
    is_grey(table.button("abort"))
    dismiss(notebook)
    # What is listed can still be read, sorted and filtered; it only cannot be opened.
    table.search.fill("completed")
    expect(table.counts).to_contain_text("of 12 jobs")
    table.row(1).locator(".flw-job-name").click()
    expect(table.root.locator(".flw-spoken[role=status]")).to_have_text("the kernel was shut down")
    expect(system.locator(BANNER).first).to_have_text(ENDED)
    # It is not the server that is gone.
    expect(system.locator(".flw-row-state").first).to_have_text(re.compile(r"^last seen \d+ s ago$"))
    expect(system.locator(".flw-word").first).to_have_text("not live")
    notebook.screenshot(notebook.cell(1), pictures and pictures / "kernel-killed-job.png")
    notebook.screenshot(notebook.cell(2), pictures and pictures / "kernel-killed-jobs.png")
    notebook.screenshot(notebook.cell(3), pictures and pictures / "kernel-killed-system.png")

    # As it says: run again, it is live again. The new kernel does not make the other views live.
    notebook.wait_until_ready()
    notebook.run(0)
    notebook.run(1)
    expect(job.button("Abort")).to_be_visible()
    expect(job.live.locator(BANNER)).to_have_count(0)
    expect(table.root.locator(BANNER)).to_contain_text(ENDED)
    assert notebook.page.locator(".flw-live").get_by_text(re.compile("asking|loading", re.I)).count() == 0


def test_killed_kernel_reported_in_other_views(notebook, pictures):
    notebook.create(
        "from flare_widgets.views.compare.view import CompareView\nfrom scripted import ScriptedWatch\n"
        "both = CompareView([ScriptedWatch(), ScriptedWatch()])\nboth.show()",
        "from flare_widgets.views.faults.view import FaultsView\nfrom scripted_faults import ScriptedBoard\n"
        "faults = FaultsView(ScriptedBoard('server', 'hospital-a'))\nfaults.show()",
        "from scripted_submit import ScriptedServer, make_jobs, show\nimport pathlib, tempfile\n"
        "root = pathlib.Path(tempfile.mkdtemp()).resolve()\nmake_jobs(root)\n"
        "form = show(ScriptedServer(), str(root / 'jobs' / 'hello'))",
        "from flare_widgets.views.display import show_sessions\nfrom scripted_sessions import Sessions\n"
        "world = Sessions('hospital-a', 'hospital-b')\nswitcher = show_sessions(world.manager)",
    )
    views = []
    for index, kind in enumerate(("compare", "faults", "submit", "session")):
        notebook.run(index)
        views.append(notebook.outputs(index).locator(f".flw-{kind}.flw-live"))
        expect(views[-1]).to_be_visible()
    kill_kernel(notebook)
    for view in views:
        expect(view.locator(BANNER)).to_have_text(ENDED, timeout=GONE_WITHIN)
    dismiss(notebook)
    _, faults, form, switcher = views
    for view, verb in ((faults, "Kill"), (form, "Submit"), (switcher, "Close")):
        is_grey(view.get_by_role("button", name=re.compile(f"^{verb}")).first)
    for index in range(4):
        notebook.screenshot(notebook.cell(index), pictures and pictures / f"kernel-killed-other-{index}.png")


def test_restarted_kernel_reported_and_reopen_restores(notebook):
    """JupyterLab drops what a kernel says while it is restarted: the static forms it leaves do not arrive."""
    notebook.create(JOB, "view = show_job(watch, session)", JOBS)
    for index in range(3):
        notebook.run(index)
    job, table = JobPanel(notebook.outputs(1)), JobsPanel(notebook.outputs(2))
    expect(table.rows.first).to_be_visible()
    notebook.command("notebook:restart-kernel", wait=False)
    notebook.page.locator(".jp-Dialog button.jp-mod-accept").click()
    expect(job.live.locator(BANNER)).to_have_text(ENDED)
    is_grey(job.grey_button("Abort"))
    expect(table.root.locator(BANNER)).to_contain_text(ENDED)
    notebook.wait_until_ready()
    # The restarted kernel knows nothing of the views, and must not be taken for theirs.
    notebook.run_code("pass")
    expect(job.live.locator(".flw-last-known")).to_have_text(re.compile(r"^RUNNING ([6-9]|\d\d) s ago$"))
    expect(job.live.locator(BANNER)).to_have_text(ENDED)

    saved = notebook.save()
    assert "application/vnd.jupyter.widget-view+json" in saved.cells[1].outputs[0].data
    # Without widgets (nbconvert, GitHub) or with them: what was known, and when.
    page, _ = HTMLExporter().from_notebook_node(saved)
    assert "Snapshot from" in page
    assert "brats-segmentation" in page
    notebook.open(notebook.name)
    job.expect_static("RUNNING")
    expect(notebook.outputs(1).first).to_have_text("Error displaying widget: model not found")
    expect(notebook.page.get_by_text("Error displaying widget").locator("visible=true")).to_have_count(0)
    expect(notebook.page.locator(".flw-live")).to_have_count(0)
    notebook.run(0)
    notebook.run(1)
    job.expect_status("RUNNING")
    expect(job.button("Abort")).to_be_visible()


def test_thirty_views_stay_responsive_without_leaks(notebook):
    count = 30
    notebook.create(
        JOB + f"\nwatches = [ScriptedWatch() for _ in range({count})]\nfor w in watches: w.say('RUNNING')",
        *(f"show_job(watches[{i}], session)" for i in range(count)),
    )
    # Before anything of ours is loaded: which timers are set in this page, and not ended.
    notebook.page.evaluate(
        """() => {
          const { setInterval: set, clearInterval: clear } = window, mine = new Map();
          window.__timers = mine;
          window.__restore = () => { window.setInterval = set; window.clearInterval = clear; };
          window.setInterval = (f, ms, ...rest) => {
            const id = set.call(window, f, ms, ...rest);
            if (new Error().stack.includes('blob:')) mine.set(id, ms);
            return id;
          };
          window.clearInterval = id => { mine.delete(id); clear.call(window, id); };
          window.__messages = 0;
          const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
          kernel.anyMessage.connect(() => { window.__messages++ });
        }"""
    )
    notebook.command("notebook:run-all-cells")
    live = notebook.page.locator(".flw-job.flw-live")
    last = JobPanel(notebook.outputs(count))
    last.live.scroll_into_view_if_needed()
    last.expect_status("RUNNING")
    assert live.count() > 10, "JupyterLab draws only what is near, but that is several"
    assert notebook.page.evaluate("() => window.__timers.size") >= live.count()

    # All are told as fast as they can be for two seconds: none is sent more than 20 messages a second.
    before = notebook.page.evaluate("() => window.__messages")
    took = notebook.page.evaluate(
        """code => new Promise(resolve => {
          const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
          const slow = []; let last = performance.now(), going = true;
          const frame = now => { slow.push(now - last); last = now; if (going) requestAnimationFrame(frame) };
          requestAnimationFrame(frame);
          kernel.requestExecute({ code, silent: true }).done.then(() => { going = false; resolve(Math.max(...slow)) });
        })""",
        "import time\nend = time.monotonic() + 2\nn = 0\n"
        "while time.monotonic() < end:\n    n += 1\n    for w in watches: w.say(wait=False, submitter=f'ada {n}')\n"
        "    time.sleep(0.01)\n"
        "for w in watches: w.say(submitter='the last one')",
    )
    expect(last.live).to_contain_text("the last one")
    sent = notebook.page.evaluate("() => window.__messages") - before
    assert sent < 20 * 4 * count, f"{sent} messages"
    assert took < 2000, f"the page stood still for {took:.0f} ms"

    # A click is still answered, of the last one and of the first one.
    last.button("Abort").click()
    last.button("Yes, abort").click()
    expect(last.words).to_have_text([re.compile("^abort requested")])
    notebook.command("docmanager:save")
    notebook.command("application:close")
    expect(live).to_have_count(0)
    notebook.page.wait_for_function("() => window.__timers.size === 0")
    notebook.page.evaluate("() => window.__restore()")


def open_all(notebook: NotebookPage, *cells: str) -> None:
    notebook.fill(*cells)
    for index in range(len(cells)):
        notebook.run(index)


def tab_to(notebook: NotebookPage, target: Locator) -> None:
    """Go on with the Tab key until something has the focus."""
    for _ in range(40):
        if target.evaluate("element => element.getRootNode().activeElement === element"):
            return
        notebook.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {target}")


def test_job_is_handled_by_keys_alone(bench):
    open_all(bench, JOB, "view = show_job(watch, session)")
    job, keyboard = JobPanel(bench.outputs(1)), bench.page.keyboard
    job.expect_status("RUNNING")
    # From the first thing in the view on, by Tab only, to each of the others.
    job.live.locator("button").first.focus()
    fold = job.live.get_by_role("button", name="Log", exact=True)
    tab_to(bench, fold)
    keyboard.press("Space")
    expect(fold).to_have_attribute("aria-expanded", "true")
    tab_to(bench, job.button("Clone"))
    keyboard.press("Enter")
    expect(job.words).to_have_text([re.compile("^cloned as")])
    tab_to(bench, job.button("Abort"))
    keyboard.press("Space")
    expect(job.button("Keep running")).to_be_focused()
    keyboard.press("Shift+Tab")
    keyboard.press("Space")
    expect(job.words).to_contain_text([re.compile("abort requested")])
    bench.run_code("watch.say('FINISHED:ABORTED'); session.whole.set()")
    job.expect_status("FINISHED:ABORTED")
    job.live.locator("button").first.focus()
    tab_to(bench, job.button("Download"))
    keyboard.press("Enter")
    expect(job.words).to_contain_text([re.compile("^downloaded to")])
    tab_to(bench, job.button("Delete"))
    keyboard.press("Enter")
    expect(job.live.get_by_role("group", name=re.compile("^Delete this job?"))).to_be_visible()
    keyboard.press("Shift+Tab")
    expect(job.button("Delete job")).to_be_focused()
    keyboard.press("Enter")
    expect(job.words).to_contain_text([re.compile("^deleted: ")])
    bench.run_code(
        "assert [line.split()[0] for line in session.asked if line.split()[0] not in ('ls', 'tail', 'get_job_log')]"
        " == ['clone_job', 'abort_job', 'download_job', 'delete_job'], session.asked"
    )


def test_two_views_of_one_job_agree(bench):
    """Two views, not one shown twice: each has questions and words of its own, both the same facts."""
    open_all(bench, JOB, "one = show_job(watch, session)", "two = show_job(watch, session)")
    one, two = JobPanel(bench.outputs(1)), JobPanel(bench.outputs(2))
    for panel in (one, two):
        panel.expect_status("RUNNING")
    one.button("Abort").click()
    expect(two.button("Abort")).to_be_visible()
    one.button("Yes, abort").click()
    expect(one.words).to_have_text([re.compile("^abort requested")])
    expect(two.words).to_have_count(0)
    bench.run_code("watch.say('FINISHED:ABORTED', duration=2.0)")
    for panel in (one, two):
        panel.expect_live("FINISHED:ABORTED")


BAD = "".join(
    [
        "<script>window.pwned++</script>",
        "<img src=x onerror=window.pwned++>",
        "<a href='javascript:window.pwned++'>x</a>",
        "<style>*{display:none!important}</style>",
        "'\"><svg onload=window.pwned++>",
        "\x1b[31;1mred\x1b[2J\x1b]8;;http://x\x07link",
        "\u202eevil\u2066\u200b\x00\x08\r\n",
        "{{7*7}}{% raw %}${7*7}",
    ]
)


def dangerous(html: str) -> list[str]:
    """Return the parts of this HTML that would run: scripts, handlers of events, links with code."""
    found: list[str] = []

    class Look(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            found.extend([tag] if tag in ("script", "img", "iframe") else [])
            found.extend(f"{tag} {name}" for name, _ in attributes if name.startswith("on"))
            found.extend(f"{tag} {value}" for _, value in attributes if (value or "").startswith("javascript:"))

    Look().feed(html)
    return found


def test_hostile_text_is_escaped_everywhere(bench, pictures):
    """Every field that a server or a site can set says something bad."""
    cells = (
        "import dataclasses\n" + JOB,
        f"bad, long, marks = {BAD!r}, 'W' * 1_000_000, 'x' + '\\u0301' * 500\n"
        "from flare_widgets.monitoring.job.model import SiteDeployment\n"
        "from flare_widgets.monitoring.job.model import Point, Round, Series, Workflow\n"
        "evil = [bad, long, marks]\n"
        "sites = tuple(SiteDeployment(e, s, e) for e in evil for s in ('deployed', 'failed'))\n"
        "facts = dict(name=bad, submitter=long, study=marks, trouble=bad,\n"
        "  rounds=(Round(0, 1.0, 2.0),), workflows=(Workflow('', bad, first_round=0, total_rounds=3),),\n"
        "  round_metrics=tuple(Series(e, site, (Point(0, 0.5), Point(1, 0.6))) for e in evil\n"
        "    for site in ('', bad, long)))\n"
        "watch = ScriptedWatch(**{**facts, 'sites': sites})",
        "view = show_job(watch, session)",
        "from flare_widgets.views.jobs.view import JobsView\nfrom scripted_jobs import ScriptedMonitor\n"
        "monitor = ScriptedMonitor(6)\n"
        "jobs = [dataclasses.replace(j, name=e, submitter=e, study=e, status=s) for j, e, s in\n"
        "  zip(monitor.snapshot.jobs, evil * 2, ('RUNNING', 'FINISHED:COMPLETED', bad, 'SUBMITTED', long, marks))]\n"
        "monitor.say(jobs=tuple(jobs), trouble=bad)\n"
        "table = JobsView(monitor, monitor.open_job, monitor.compare)\ntable.show()",
        "from flare_widgets.views.compare.view import CompareView\n"
        "w = [ScriptedWatch(**facts), ScriptedWatch(**{**facts, 'name': long})]\n"
        "both = CompareView(w)\nboth.show()",
        "from scripted_system import ScriptedSystem, show\n"
        "from flare_widgets.monitoring.system.snapshot import SiteJob\n"
        "system = ScriptedSystem(bad, long, marks)\n"
        "system_view, admin = show(system)\n"
        "system.say(trouble=bad, address=bad, username=long, version=bad, resources=long,\n"
        "  jobs=tuple(SiteJob(e, e, e) for e in evil),\n"
        "  sites=tuple(dataclasses.replace(s, version=s.name, resources=s.name) for s in system.snapshot.sites))",
    )
    bench.page.evaluate("() => { window.pwned = 0 }")
    dialogs: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    bench.page.on("dialog", dismiss)
    open_all(bench, *cells)
    roots = [(2, "job"), (3, "jobs"), (4, "compare"), (5, "system")]

    def nothing_is_wrong(form: str) -> None:
        for index, kind in roots:
            # The static form of the table of jobs is a plain table.
            shown = "listing" if (form, kind) == ("static", "jobs") else kind
            root = bench.outputs(index).locator(f".flw-{shown}").first
            root.scroll_into_view_if_needed()
            expect(root).to_be_visible()
            where = f"{form} {kind}"
            assert root.locator("img, script, iframe, a[href^='javascript'], svg[onload]").count() == 0, where
            # JupyterLab lays out what comes into sight only then.
            expect(root).to_contain_text("<script>", use_inner_text=True)
            text = root.inner_text()
            assert not re.search("[\x00-\x08\x1b\u202a-\u202e\u2066-\u2069]", text), where
            assert len(text) < 30_000, where
            wide = root.evaluate(
                "e => e.scrollWidth - e.clientWidth + Math.max(0, e.getBoundingClientRect().right - innerWidth)"
            )
            assert wide <= 1, f"{where} is {wide} pixels too wide"
            bench.screenshot(bench.cell(index), pictures and pictures / f"hostile-{form}-{kind}.png")
        assert bench.page.evaluate("() => window.pwned") == 0
        assert dialogs == []

    nothing_is_wrong("live")
    bench.run_code("for v in (view, table, both, system_view): v.make_static()")
    for index, kind in roots:
        expect(bench.outputs(index).locator(f".flw-{kind}.flw-live")).to_have_count(0)
    nothing_is_wrong("static")
    # And as a page of its own, without JupyterLab's sanitizer.
    saved = bench.save()
    page, _ = HTMLExporter().from_notebook_node(saved)
    for index, _ in roots:
        for output in saved.cells[index].outputs:
            html = output.get("data", {}).get("text/html", "")
            assert dangerous(html) == []
    assert "&lt;script&gt;" in page
