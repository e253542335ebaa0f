from __future__ import annotations

import html.parser
import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from drawn_jobs import CASES, make_large_job

from flare_widgets.formatting.text import sanitize
from flare_widgets.monitoring.job.model import Point, Series, SiteDeployment, StatusChange
from flare_widgets.monitoring.job.snapshot import JobSnapshot
from flare_widgets.monitoring.job.trouble import status_text
from flare_widgets.views.core.html import template_environment
from flare_widgets.views.job.html import job_html
from flare_widgets.views.job.timeline import status_category, steps

BERLIN = timezone(timedelta(hours=1))
VOID = {"br", "img", "hr", "input", "meta", "link", "wbr"}


class Page(html.parser.HTMLParser):
    """A page as a browser reads it: elements, attributes, and the visible text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self._parts: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open, f"left open: {self._open}"
        self.text = re.sub(r"\s+", " ", "".join(self._parts)).strip()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        if self._open[-1:] != ["style"]:
            self._parts.append(data)

    def by_class(self, name):
        return [(tag, attrs) for tag, attrs in self.elements if name in (attrs.get("class") or "").split()]


def page(name: str, zone=BERLIN) -> Page:
    return Page(job_html(*CASES[name], zone))


def test_templates_are_read_once_for_all_forms():
    assert template_environment().get_template("job.html.j2") is template_environment().get_template("job.html.j2")


@pytest.mark.parametrize("name", CASES)
def test_only_harmless_elements_and_attributes(name):
    parsed = page(name)
    text = {"div", "style", "p", "strong", "s", "span", "code", "pre", "ol", "ul", "li", "time", "dl", "dt", "dd"}
    folds, tables = {"details", "summary"}, {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    charts = {"figure", "figcaption", "svg", "title", "desc", "line", "text", "g", "path", "circle"}
    assert {tag for tag, _ in parsed.elements} <= text | folds | tables | charts
    allowed = {"class", "data-category", "datetime", "aria-hidden", "scope", "colspan", "title", "style"}
    allowed |= {"role", "aria-label", "viewbox", "width", "height", "font-size", "fill", "color", "d", "transform"}
    allowed |= {"x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "text-anchor"}
    allowed |= {"stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "fill-opacity", "preserveaspectratio"}
    assert {a for _, attrs in parsed.elements for a in attrs} <= allowed
    styles = [attrs["style"] for _, attrs in parsed.elements if "style" in attrs]
    assert all(re.fullmatch(r"width: \d{1,3}%", style or "") for style in styles)
    assert [tag for tag, _ in parsed.elements].count("style") == 1


@pytest.mark.parametrize("name", CASES)
def test_says_what_snapshot_says(name):
    (snapshot, _), text = CASES[name], page(name).text
    assert status_text(snapshot) in text
    assert (sanitize(snapshot.name) or "job") in text
    assert sanitize(snapshot.job_id) in text
    assert sanitize(snapshot.submitter) in text
    for step in steps(snapshot):
        assert step.label in text
    for site in snapshot.sites:
        # Beside a matrix of the sites, who was deployed to is among the details.
        if (snapshot.rounds or snapshot.current_workflow.is_self_directed) and site.state != "failed":
            listed = text[text.index(f"{site.state}") :]
            assert sanitize(site.name, 60) in listed or len(snapshot.sites) > 40
        else:
            assert f"{sanitize(site.name)} {site.state}" in text
        assert sanitize(site.detail) in text
    if not snapshot.ended:
        assert sanitize(snapshot.trouble) in text


def test_hostile_text_arrives_as_text():
    text = page("hostile").text
    assert "<script>alert(1)</script>�[31m" in text
    assert 'id"><img src=x onerror=alert(1)>' in text
    assert "</style><script>t()</script>" in text
    assert "{{7*7}} </div>" in text
    assert not re.search(r"[\x00-\x1f\u202a-\u202e\u2066-\u2069]", text)


def test_is_small_whatever_server_says():
    huge = "x" * 1_000_000
    snapshot = JobSnapshot(
        huge,
        huge,
        huge,
        huge,
        huge,
        tuple(StatusChange(f"{i}{huge}", float(i), False) for i in range(50)),
        tuple(SiteDeployment(f"site-{i}{huge}", "failed", huge) for i in range(1000)),
        facts_at=1.0,
        trouble=huge,
    )
    form = job_html(snapshot, 2.0, BERLIN)
    assert len(form.encode()) < 60_000
    assert re.search(r"and \d\d\d more", Page(form).text)
    assert "Shortened to keep the notebook small" in form


def test_times_are_absolute_with_zone():
    parsed = page("completed")
    assert "submitted 15:03:35" in parsed.text
    assert "All times: 2026-11-23 (UTC+01:00)." in parsed.text
    times = [attrs["datetime"] for tag, attrs in parsed.elements if tag == "time"]
    assert times == ["2026-11-23T15:03:35+01:00", "2026-11-23T15:03:36+01:00", "2026-11-23T15:06:06+01:00"]


def test_multi_day_times_have_dates():
    snapshot = CASES["completed"][0]
    first, *rest = snapshot.timeline
    text = Page(job_html(replace(snapshot, timeline=(replace(first, at=first.at - 86400), *rest)), 0, BERLIN)).text
    assert "submitted 2026-11-22 15:03:35" in text
    assert "completed 2026-11-23 15:06:06" in text
    assert "All times: (UTC+01:00)." in text


def test_times_across_clock_change_have_offset():
    autumn = datetime(2026, 10, 25, 0, 30, tzinfo=timezone.utc).timestamp()  # clocks go back at 01:00 UTC
    life = (StatusChange("SUBMITTED", autumn, True), StatusChange("FINISHED:COMPLETED", autumn + 3600, True))
    snapshot = JobSnapshot("x", status="FINISHED:COMPLETED", timeline=life)
    text = Page(job_html(snapshot, 0, ZoneInfo("Europe/Berlin"))).text
    assert "submitted 02:30:00 (UTC+02:00)" in text
    assert "completed 02:30:00 (UTC+01:00)" in text


def test_times_default_to_local_zone():
    local = datetime.fromtimestamp(CASES["completed"][0].timeline[0].at).astimezone()
    assert f"submitted {local:%H:%M:%S}" in page("completed", zone=None).text


def test_step_we_only_saw_says_so():
    assert "aborted seen 15:03:44" in page("aborted before it ran").text


def test_impossible_time_does_not_fail():
    snapshot = JobSnapshot("x", status="RUNNING", timeline=(StatusChange("RUNNING", 1e300, True),), facts_at=1e300)
    assert "impossible time" in Page(job_html(snapshot, 0, BERLIN)).text


def test_static_running_job_states_snapshot_time():
    text = page("running").text
    assert "Snapshot from 15:05:50. The server last answered at 15:05:49." in text
    # Its run time is the one the server's last answer vouches for.
    assert "2 min 12 s elapsed" in text
    assert "The server had not answered yet" in page("unheard").text
    assert "Snapshot from" not in page("completed").text


def test_trouble_is_first_and_no_word_is_struck_through():
    parsed = page("trouble")
    assert parsed.text.startswith("! Connection to server:8002 lost, trying again (3) ! reconnecting (3)")
    assert "RUNNING 42 s ago" in parsed.text
    assert "s" not in [tag for tag, _ in parsed.elements]
    assert not page("running").by_class("flw-banner")
    lost = page("lost").text
    assert "! LOST" in lost
    assert "ran for 1 min or more" in lost


@pytest.mark.parametrize("name", CASES)
def test_status_has_sign_and_colour(name):
    signs = {"unknown": "?", "waiting": "○", "running": "●", "done": "✓", "stopped": "■", "failed": "✕", "lost": "!"}
    snapshot = CASES[name][0]
    category = "lost" if snapshot.is_zombie else status_category(snapshot.status, snapshot.ended)
    parsed = page(name)
    (_, attrs), *_ = parsed.elements
    assert attrs["data-category"] == category
    assert parsed.text.startswith("!" if "flw-trouble" in str(attrs["class"]) else signs[category])
    assert parsed.by_class(f"flw-category-{category}")


def test_reads_well_without_style():
    """GitHub strips the style sheet: what is left must still say what belongs together."""
    form = job_html(*CASES["running"], BERLIN)
    bare = Page(re.sub(r"<style>.*?</style>", "", form, flags=re.DOTALL))
    tags = [tag for tag, _ in bare.elements]
    assert tags.count("ol") == 1
    assert tags.count("ul") == 1
    assert "2 min 12 s elapsed, submitted by admin@nvidia.com" in bare.text
    assert "finished (to come)" in bare.text


def style(form: str) -> str:
    found = re.search(r"<style>(.*?)</style>", form, re.DOTALL)
    assert found is not None
    return found[1]


def test_style_stays_in_form():
    form = job_html(JobSnapshot("x"), 0.0, BERLIN)
    (_, attrs), *_ = Page(form).elements
    root = next(c for c in (attrs["class"] or "").split() if c.startswith("flw-static-"))
    css = re.sub(r"@(media|container)[^{]*", "", style(form))
    selectors = [s for group in re.findall(r"([^{}]+)\{", css) for s in re.split(r",(?![^(]*\))", group)]
    assert len(selectors) > 30
    assert [s for s in selectors if f".{root}" not in s] == []


def test_style_self_contained_with_dark_mode():
    css = style(job_html(JobSnapshot("x"), 0.0, BERLIN))
    assert not re.search(r"url\(|@import|https?:|expression", css)
    assert "prefers-color-scheme:dark" in css
    assert "[data-jp-theme-light=false]" in css.replace('"', "")
    # A colour is the front end's, or stands in for it, or is one of ours for a theme that the front end declares.
    for colour in re.findall(r"(?:#[0-9a-f]{3,8}|rgba?\([^)]*\))", css):
        theirs = rf"var\(--(jp|md|vscode)-[a-zA-Z0-9-]+, ?{re.escape(colour)}"
        assert re.search(rf"{theirs}|--flw-[a-z0-9-]+: ?{re.escape(colour)}", css), colour


@pytest.mark.parametrize(("sites", "rounds", "metrics"), [(2, 5, 1), (6, 200, 12), (40, 1000, 12)])
def test_notebook_keeps_at_most_60_kb(sites, rounds, metrics):
    names = ["", *(f"site-{n:03}" for n in range(sites))]
    series = tuple(
        Series(f"metric {m}", site, tuple(Point(r, r % 7 + n / 9) for r in range(rounds)))
        for m in range(metrics)
        for n, site in enumerate(names)
    )
    job = replace(make_large_job(sites, rounds), round_metrics=series)
    form = job_html(job, job.facts_at or 0.0, BERLIN)
    assert len(form.encode()) < 60_000
    assert "<svg" in form
    assert "late: train" in form
