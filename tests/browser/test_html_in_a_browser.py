"""The HTML report in a real browser: what it draws, does and says, with scripts and without."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Error, Locator, Page, expect, sync_playwright

import lrdoctor
from benchmarks.browser import ARGUMENTS, find
from lrdoctor.config import Config
from lrdoctor.model import Code, Diagnosis, Report, Role
from lrdoctor.reports import html

SAMPLES = Path(__file__).parents[2] / "sample_logs"
EVIL = "</script><img src=x onerror=alert(1)><svg onload=alert(2)>'\">"
CHROMIUM = find()
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium on this machine: `make check` says how to get one"
)


@dataclass
class Tab:
    """A page, and everything that it should not have done."""

    page: Page
    trouble: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def refuse(self, dialog: Dialog) -> None:
        self.trouble.append(dialog.message)
        dialog.dismiss()

    def one(self, selector: str) -> Locator:
        return self.page.locator(selector).first


Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        try:
            running = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        except Error as error:
            pytest.skip(f"{CHROMIUM} does not start here: {str(error).splitlines()[0]}")
        expect.set_options(timeout=20_000)
        yield running
        running.close()


@pytest.fixture(scope="module")
def samples() -> Report:
    return lrdoctor.analyze(SAMPLES, config=Config())


@pytest.fixture(scope="module")
def page_file(samples: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(samples, tmp_path_factory.mktemp("html") / "report.html")


def saved(report: Report, file: Path) -> Path:
    with file.open("w", encoding="utf-8", newline="\n") as out:
        html.write(report, out)
    return file


@contextmanager
def shown(browser: Browser, file: Path, *, width: int = 1280, **options: Any) -> Iterator[Tab]:
    """The page in a tab of its own, which must do nothing that it is not asked to."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    context.set_default_timeout(20_000)
    tab = Tab(context.new_page())
    tab.page.on("console", lambda message: tab.trouble.append(message.text))
    tab.page.on("pageerror", lambda error: tab.trouble.append(str(error)))
    tab.page.on("dialog", tab.refuse)
    tab.page.on("request", lambda request: tab.requests.append(request.url))
    tab.page.goto(file.as_uri())
    yield tab
    assert tab.trouble == []
    assert tab.requests == [file.as_uri()]
    context.close()


def place(samples: Report, name: str) -> int:
    return [d.name for d in samples.worst_first()].index(name)


def ink(canvas: Locator) -> int:
    """How many colours are painted on a canvas."""
    colours: int = canvas.evaluate(
        """canvas => {
            const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const seen = new Set();
            for (let i = 0; i < data.length; i += 4)
                if (data[i + 3] > 200) seen.add((data[i] << 16) | (data[i + 1] << 8) | data[i + 2]);
            return seen.size;
        }"""
    )
    return colours


def reach(tab: Tab, run: int) -> Locator:
    card = tab.one(f"#run-{run}")
    card.scroll_into_view_if_needed()
    expect(card.locator("canvas").first).to_be_visible()
    return card


def test_the_page_draws(browser: Browser, page_file: Path, samples: Report) -> None:
    with shown(browser, page_file) as tab:
        expect(tab.one("h1")).to_have_text("20 of 39 runs need attention")
        assert ink(tab.one("#overlay canvas")) > 10
        card = reach(tab, place(samples, "diverged_to_nan/log.csv"))
        assert card.locator("canvas").count() == 3
        assert all(ink(card.locator("canvas").nth(i)) > 5 for i in range(3))
        assert not card.locator("svg.fig").is_visible()


def test_far_plots_are_not_drawn_before_they_are_looked_at(browser: Browser, page_file: Path) -> None:
    with shown(browser, page_file) as tab:
        assert tab.page.locator("article canvas").count() < 20
        assert tab.page.locator("[data-figure]").count() > 30


def test_runs_are_filtered_searched_and_sorted(browser: Browser, page_file: Path) -> None:
    with shown(browser, page_file) as tab:
        cards, rows = tab.page.locator("article:visible"), tab.page.locator("#rows tr:visible")
        count = tab.one("output[name=shown]")
        expect(count).to_have_text("39 of 39 runs")
        tab.page.get_by_role("combobox", name="Verdict").select_option("healthy")
        expect(count).to_have_text("17 of 39 runs")
        assert (cards.count(), rows.count()) == (17, 17)
        # Its lines are gone from the plot of all runs, too.
        assert tab.page.locator("#overlay .names button:visible").count() <= 17
        tab.page.get_by_role("combobox", name="Verdict").select_option("all")
        tab.page.get_by_role("combobox", name="Severity").select_option("error")
        expect(count).to_have_text("5 of 39 runs")
        tab.page.get_by_role("combobox", name="Severity").select_option("all")
        rule = tab.page.get_by_role("combobox", name="Rule")
        rule.select_option(label=re.findall(r"LRD103 [\w-]+", rule.inner_text())[0])
        expect(count).to_have_text("2 of 39 runs")
        tab.page.get_by_role("button", name="Reset").click()
        expect(count).to_have_text("39 of 39 runs")
        tab.page.get_by_role("searchbox", name="Search").fill("学习率")
        expect(count).to_have_text("1 of 39 runs")
        expect(cards.locator("h3")).to_have_text(["学习率过高_发散/training.csv"])
        tab.page.get_by_role("searchbox", name="Search").fill("no such run")
        expect(tab.one("#nothing")).to_be_visible()
        tab.page.get_by_role("button", name="Reset").click()
        for key in ("name", "final", "peak"):
            tab.page.get_by_role("combobox", name="Sort").select_option(key)
            expect(count).to_have_text("39 of 39 runs")
            order = cards.evaluate_all(
                "cards => cards.map(c => [c.querySelector('h3').textContent, c.dataset.final, c.dataset.peak])"
            )
            if key == "name":
                assert [name for name, *_ in order] == sorted(name for name, *_ in order)
            else:
                told = [entry[1 if key == "final" else 2] for entry in order]
                known = [float(value) for value in told if value]
                assert known == sorted(known)
                # What has none comes last.
                assert all(told[: len(known)])
            assert rows.locator("th").all_inner_texts() == [name for name, *_ in order]


def test_one_run_left_is_unfolded_and_a_link_to_a_hidden_one_brings_it_back(browser: Browser, page_file: Path) -> None:
    with shown(browser, page_file) as tab:
        tab.page.get_by_role("searchbox", name="Search").fill("healthy_noisy")
        expect(tab.one("article:visible .more")).to_have_attribute("open", "")
        expect(tab.one("article:visible canvas")).to_be_visible()
        tab.one(".worst a").click()
        expect(tab.one("#run-0")).to_be_visible()
        expect(tab.one("#run-0")).to_be_in_viewport()


def test_a_span_is_marked_at_its_steps_in_the_picture(browser: Browser, page_file: Path, samples: Report) -> None:
    run = place(samples, "diverged_to_nan/log.csv")
    with shown(browser, page_file, java_script_enabled=False) as tab:
        card = tab.one(f"#run-{run}")
        card.scroll_into_view_if_needed()
        svg = card.locator("svg.fig")
        box = svg.bounding_box()
        tint = svg.locator(".band[data-first='99'] .tint").bounding_box()
        assert box
        assert tint
        unit = box["width"] / 760
        first, last, left, width = (
            float(svg.get_attribute(f"data-{name}") or 0) for name in ("first", "last", "left", "width")
        )
        assert (first, last) == (0, 239)
        assert tint["x"] - box["x"] == pytest.approx(unit * (left + width * 99 / 239), abs=1)
        assert tint["x"] + tint["width"] - box["x"] == pytest.approx(unit * (left + width), abs=1)


def test_a_span_is_marked_at_its_steps_where_scripts_draw(browser: Browser, page_file: Path, samples: Report) -> None:
    with shown(browser, page_file) as tab:
        card = reach(tab, place(samples, "diverged_to_nan/log.csv"))
        marked = (
            card.locator("canvas")
            .nth(1)
            .evaluate(
                """canvas => {
                const {data, width} = canvas.getContext("2d").getImageData(0, canvas.height - 12, canvas.width, 1);
                const pink = [];
                for (let x = 0; x < width; x++)
                    if (data[4 * x + 3] > 15 && data[4 * x] > data[4 * x + 2] + 60) pink.push(x);
                const over = canvas.parentElement.querySelector(".u-over");
                return [pink[0], pink[pink.length - 1], over.offsetLeft, over.offsetWidth, devicePixelRatio];
            }"""
            )
        )
        first, last, left, width, ratio = marked
        # From the early blow-up, steps 2 to 9, to the end of the NaN.
        assert first / ratio == pytest.approx(left + width * 2 / 239, abs=2)
        assert last / ratio == pytest.approx(left + width, abs=2)


def test_zoom_cursor_and_keys(browser: Browser, page_file: Path, samples: Report) -> None:
    with shown(browser, page_file) as tab:
        card = reach(tab, place(samples, "cure_me/metrics.csv"))
        over, at = card.locator(".u-over").first, card.locator(".at")
        over.hover(position={"x": 100, "y": 100})
        expect(at).to_have_text(re.compile(r"^step \d+$"))
        before = at.inner_text()
        card.get_by_role("button", name="Zoom in").click()
        over.hover(position={"x": 100, "y": 100})
        expect(at).not_to_have_text(before)
        card.get_by_role("button", name="Whole run").click()
        over.hover(position={"x": 100, "y": 100})
        expect(at).to_have_text(before)
        # By dragging: the stretch that was drawn over fills the plot.
        box = over.bounding_box()
        assert box
        tab.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
        tab.page.mouse.down()
        tab.page.mouse.move(box["x"] + box["width"] * 3 / 4, box["y"] + 50, steps=4)
        tab.page.mouse.up()
        over.hover(position={"x": 1, "y": 100})
        expect(at).to_have_text(re.compile("^step (29[89]|30[0-2])$"))
        card.get_by_role("button", name="Whole run").click()
        # By keyboard alone.
        plot = card.locator(".plot")
        plot.focus()
        tab.page.mouse.move(0, 0)
        plot.press("ArrowRight")
        moved = at.inner_text()
        plot.press("Shift+ArrowRight")
        expect(at).not_to_have_text(moved)
        value = card.locator(".legend output").first.inner_text()
        plot.press("Shift+ArrowRight")
        expect(card.locator(".legend output").first).not_to_have_text(value)
        plot.press("+")
        plot.press("0")


def test_lines_of_the_comparison_can_be_hidden(browser: Browser, page_file: Path) -> None:
    with shown(browser, page_file) as tab:
        button = tab.one("#overlay .names button")
        pixels = tab.one("#overlay canvas").evaluate("canvas => canvas.toDataURL()")
        button.click()
        expect(button).to_have_attribute("aria-pressed", "false")
        tab.page.mouse.move(0, 0)
        tab.page.wait_for_function("old => document.querySelector('#overlay canvas').toDataURL() !== old", arg=pixels)
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        tab.page.get_by_role("button", name="As share of the run").click()
        assert ink(tab.one("#overlay canvas")) > 10


def test_the_code_is_copied(browser: Browser, page_file: Path, samples: Report) -> None:
    wanted = next(
        d.prescription.code.text.rstrip() for d in samples.worst_first() if d.prescription and d.prescription.code
    )
    with shown(browser, page_file, permissions=["clipboard-read", "clipboard-write"]) as tab:
        tab.one(".copy").click()
        expect(tab.one("#toast")).to_have_text("Copied")
        assert tab.page.evaluate("navigator.clipboard.readText()") == wanted


def test_the_code_is_copied_where_the_clipboard_is_refused(browser: Browser, page_file: Path) -> None:
    with shown(browser, page_file) as tab:
        tab.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
        tab.one(".copy").click()
        expect(tab.one("#toast")).to_have_text("Copied")
        assert tab.page.evaluate("getSelection().toString()").startswith("from torch.optim")


def test_without_scripts_all_but_the_interaction_is_there(browser: Browser, page_file: Path, samples: Report) -> None:
    with shown(browser, page_file, java_script_enabled=False) as tab:
        assert tab.page.locator("article").count() == 39
        assert tab.page.locator("article svg.fig").count() == 39
        assert tab.page.locator("canvas").count() == 0
        expect(tab.one("#controls")).to_be_hidden()
        expect(tab.one(".copy")).to_be_hidden()
        expect(tab.one("#overlay svg.fig")).to_be_visible()
        assert tab.page.locator("#overlay .names a").count() == 12
        card = tab.one(f"#run-{place(samples, 'missing_warmup')}")
        for part in ("svg.fig", ".legend", ".facts", ".message", ".settings", "pre"):
            expect(card.locator(part).first).to_be_visible()
        card.locator(".advice details summary").first.click()
        expect(card.locator(".numbers").first).to_be_visible()
        tab.one(f"#run-{place(samples, 'healthy_cosine')} summary").click()
        expect(tab.one(f"#run-{place(samples, 'healthy_cosine')} svg.fig")).to_be_visible()


def test_without_styles_it_can_still_be_read(browser: Browser, page_file: Path, tmp_path: Path) -> None:
    """As build servers show it that allow neither scripts nor styles."""
    bare = tmp_path / "bare.html"
    text = page_file.read_text("utf-8")
    bare.write_text(re.sub(r'content="default-src[^"]*"', "content=\"default-src 'none'\"", text, count=1), "utf-8")
    context = browser.new_context(viewport={"width": 1280, "height": 900}, java_script_enabled=False)
    page = context.new_page()
    page.goto(bare.as_uri())
    curve = page.locator("#run-0 svg.fig path.k-lr")
    box = curve.bounding_box()
    assert box
    assert box["width"] > 300
    assert curve.get_attribute("stroke") == "#009e73"
    figure = page.locator("#run-0 svg.fig").bounding_box()
    assert figure
    assert figure["width"] == pytest.approx(760)
    context.close()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_phone_needs_no_scrolling_sideways(browser: Browser, page_file: Path, scripts: bool) -> None:
    with shown(browser, page_file, width=360, java_script_enabled=scripts) as tab:
        tab.one("#run-3").scroll_into_view_if_needed()
        # What is wider than the page lies in a box of its own.
        for selector in ("main", "h1", ".overview", "#overlay", "#run-3", "#run-3 .told", "#rules"):
            box = tab.one(selector).bounding_box()
            assert box, selector
            assert box["x"] >= 0, selector
            assert box["x"] + box["width"] <= 360.5, selector
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(browser: Browser, page_file: Path, scheme: str) -> None:
    with shown(browser, page_file, color_scheme=scheme) as tab:
        ground = tab.one("body").evaluate("body => getComputedStyle(body).backgroundColor")
        assert (ground == "rgb(14, 18, 23)") is (scheme == "dark")
        poor = tab.page.evaluate(CONTRAST)
        assert poor == []


CONTRAST = """() => {
    const parse = (text) => {
        const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
        return {rgb: [r, g, b], a};
    };
    const light = (rgb) => rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (element) => {
        for (let e = element; e; e = e.parentElement) {
            const {rgb, a} = parse(getComputedStyle(e).backgroundColor);
            if (a > 0.9) return rgb;
        }
        return [255, 255, 255];
    };
    const poor = new Map();
    for (const element of document.querySelectorAll("body *")) {
        if (element.closest("script, .toast, .skip") || !element.checkVisibility()) continue;
        const svg = element.tagName === "text";
        if (![...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())) continue;
        const style = getComputedStyle(element), colour = parse(svg ? style.fill : style.color).rgb;
        if (element.closest("svg") && !svg) continue;
        const [one, two] = [light(colour), light(behind(element))].sort((a, b) => b - a);
        const ratio = (one + 0.05) / (two + 0.05);
        const name = `${element.tagName}.${element.className?.baseVal ?? element.className}`;
        if (ratio < 4.5) poor.set(name, ratio.toFixed(2));
    }
    return [...poor];
}"""


def test_what_strangers_wrote_is_text(browser: Browser, samples: Report, tmp_path: Path) -> None:
    told = next(d for d in samples.worst_first() if d.name == "diverged_to_nan/log.csv")
    file = saved(Report(runs=(hostile(told, 0), hostile(told, 1)), version="0"), tmp_path / "evil.html")
    with shown(browser, file) as tab:
        assert tab.page.locator("h3").first.inner_text() == EVIL + "0"
        assert tab.page.locator("img").count() == 0
        expect(tab.one("#overlay .names button")).to_have_text(EVIL + "0")
        tab.page.get_by_role("searchbox", name="Search").fill("onerror")
        expect(tab.one("output[name=shown]")).to_have_text("2 of 2 runs")
        assert EVIL in tab.one(".legend").inner_text()
        assert tab.one("pre").inner_text() == EVIL


def hostile(told: Diagnosis, number: int) -> Diagnosis:
    assert told.prescription is not None
    loss = replace(told.run.series["train_loss"], tag=EVIL)
    run = replace(
        told.run,
        name=f"{EVIL}{number}",
        series={EVIL: loss, "lr": told.run.series["lr"]},
        roles={Role.TRAIN_LOSS: EVIL, Role.LR: "lr"},
        hparams={EVIL: EVIL},
        notes=(EVIL,),
    )
    advice = tuple(replace(each, message=EVIL, rule=replace(each.rule, what=EVIL, why=EVIL)) for each in told.advice)
    return replace(
        told,
        run=run,
        advice=advice,
        prescription=replace(told.prescription, reason=EVIL, code=Code(framework=EVIL, text=EVIL)),
    )


def test_keyboard_and_screen_reader(browser: Browser, page_file: Path) -> None:
    with shown(browser, page_file) as tab:
        tab.page.keyboard.press("Tab")
        skip = tab.page.get_by_role("link", name="Skip to the runs")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        tab.page.keyboard.press("Enter")
        expect(tab.page.get_by_role("heading", name="Run by run")).to_be_in_viewport()
        for role, name in (
            ("banner", None),
            ("main", None),
            ("contentinfo", None),
            ("form", "Choose which runs are shown"),
            ("region", "Worst first"),
            ("region", "Side by side"),
            ("region", "The rules that spoke"),
            ("table", None),
            ("searchbox", "Search"),
            ("combobox", "Verdict"),
            ("article", "diverged_to_nan/log.csv"),
        ):
            found = tab.page.get_by_role(role, name=name) if name else tab.page.get_by_role(role)  # type: ignore[arg-type]
            assert found.count() >= 1, (role, name)
        tab.one("#run-0").scroll_into_view_if_needed()
        expect(tab.one("#run-0 .plot")).to_be_visible()
        snapshot = tab.one("#run-0").aria_snapshot()
        assert "loss, logarithmic, learning rate" in snapshot
        assert 'columnheader "first"' in snapshot
        # A focused control is seen to be focused.
        tab.page.get_by_role("searchbox", name="Search").focus()
        tab.page.keyboard.press("Tab")
        outline = tab.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        # Everything that can be reached by keyboard has a name.
        nameless = tab.page.evaluate(NAMELESS)
        assert nameless == []


NAMELESS = """() => [...document.querySelectorAll("a, button, input, select, [tabindex='0']")]
    .filter((e) => e.checkVisibility() && !e.textContent.trim() && !e.labels?.length)
    .filter((e) => !e.getAttribute("aria-label") && !e.getAttribute("aria-labelledby"))
    .map((e) => e.outerHTML.slice(0, 100))"""


def test_the_picture_explains_itself_without_scripts(browser: Browser, page_file: Path, samples: Report) -> None:
    with shown(browser, page_file, java_script_enabled=False) as tab:
        run = place(samples, "diverged_to_nan/log.csv")
        picture = tab.one(f"#run-{run}").get_by_role(
            "img", name=re.compile("^diverged_to_nan.log.csv: loss, logarithmic")
        )
        assert picture.count() == 1
