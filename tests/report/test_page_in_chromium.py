"""The page as a browser shows it: on a desk, on a phone and on paper, to eyes, to keyboards and to screen readers.

The tests need Chromium (Debian's package `chromium`), the accessibility check axe-core from npm, and paper `pdftotext`
(Debian's package `poppler-utils`).
"""

import base64
import os
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from report import chromium
from report.pages import hostile_run
from sim.report.files import write
from sim.report.page import page

AXE = "axe-core@4.10.3"
"""A version that is named, so that the check is the same tomorrow."""
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
NPM = Path(os.environ.get("PAGOPA_SIM_NPM") or CACHE / "pagopa-sim" / "npm")
KEPT = NPM / "node_modules" / "axe-core" / "axe.min.js"
DESK, PHONE = 1280, 390
KINDS = ("run", "hostile", "sweep")

pytestmark = pytest.mark.skipif(chromium.PATH is None, reason="there is no Chromium here: apt-get install chromium")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Return a running browser."""
    running = chromium.Browser(tmp_path_factory.mktemp("profile"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory, reported, swept):
    """Return the files of a run, of one with hostile names, and of a sweep."""
    folder = tmp_path_factory.mktemp("pages")
    results = {"run": reported, "hostile": hostile_run(folder), "sweep": swept}
    return {kind: write(page(result), folder / f"{kind}.html") for kind, result in results.items()}


def test_the_browser_tells_what_a_page_does(browser, tmp_path):
    """Of a page that logs, throws, interrupts, asks the network and breaks its policy, everything is heard."""
    file = tmp_path / "bad.html"
    policy = '<meta http-equiv="Content-Security-Policy" content="img-src data:">'
    script = "<script>console.error('said'); alert(1); throw Error('thrown')</script>"
    file.write_text(f"<!DOCTYPE html>{policy}{script}<img src=other.png><link rel=stylesheet href=a.css>", "utf-8")
    with browser.open(file, DESK) as shown:
        said = repr(shown.complaints())
        assert all(word in said for word in ("said", "thrown", "Content Security Policy"))
        assert {each.rpartition("/")[2] for each in shown.requests()} == {"bad.html", "a.css", "other.png"}
        assert shown.dialogs() == 1


@pytest.mark.parametrize("width", [DESK, PHONE])
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_shows_without_a_word_on_the_console(browser, files, kind, width):
    """At both widths: no error, no warning, nothing asked of the network, and nothing wider than the window.

    What is too wide for it, a table or a picture, scrolls within its own frame.
    """
    with browser.open(files[kind], width) as shown:
        assert shown.complaints() == []
        assert [each for each in shown.requests() if not each.startswith("data:")] == [files[kind].as_uri()]
        assert shown.evaluate("document.documentElement.scrollWidth") == width
        assert shown.evaluate("document.scrollingElement.scrollHeight") > 3000
        assert shown.evaluate(_OUTSIDE) == []


_OUTSIDE = """[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll, .skip, svg') &&
  e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"""
"""What sticks out of the window and is in no frame that scrolls."""


def test_on_a_phone_the_answer_is_seen_whole(browser, files):
    """Nothing has to be scrolled for an objective with verdict and interval, a figure, or a point's verdict in a sweep.

    Below each other, each cell is inside of the window and beside its neighbours, not over them.
    """
    with browser.open(files["run"], PHONE) as shown:
        for section, columns in (("verdict", 4), ("headline", 3)):
            rows = shown.evaluate(
                f"[...document.querySelectorAll('#{section} tr')].map(r => [...r.cells].map({_PLACE}))"
            )
            assert len(rows) > 3
            for cells in rows:
                assert len(cells) == columns
                assert all(0 <= left < right <= PHONE for left, right in cells)
                assert all(before[1] <= after[0] for before, after in pairwise(cells[1:]))
    with browser.open(files["sweep"], PHONE) as shown:
        badges = "[...document.querySelectorAll('#points .scroll:last-of-type td:nth-child(4)')]"
        ends = shown.evaluate(f"{badges}.map({_PLACE}).map(place => place[1])")
        assert len(ends) == 6
        assert max(ends) <= PHONE


_PLACE = """e => { const of = document.createRange(); of.selectNodeContents(e); const at = of.getBoundingClientRect();
  return [at.left, at.right]; }"""
"""Where what is written in a cell begins and ends."""


@pytest.mark.parametrize("kind", KINDS)
def test_on_a_phone_pictures_are_seen_whole_and_larger_when_tapped(browser, files, kind):
    """A picture has the width of the page until it is chosen, and then twice as much, in its frame that scrolls."""
    width = "document.querySelector('.picture svg').getBoundingClientRect().width"
    with browser.open(files[kind], PHONE) as shown:
        whole = shown.evaluate(width)
        assert whole <= PHONE
        shown.evaluate("document.querySelector('.picture').focus()")
        assert shown.evaluate(width) >= 2 * whole
        assert shown.evaluate("document.documentElement.scrollWidth") == PHONE


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_hostile_names_do_nothing(browser, files, width):
    """No script ran, nobody was interrupted, and no element of theirs is there; also with a click on every link."""
    with browser.open(files["hostile"], width) as shown:
        for opened in (False, True):
            if opened:
                shown.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
                shown.evaluate("document.querySelectorAll('a, summary, th').forEach(e => e.click())")
            assert shown.evaluate("window.owned ?? 'nobody'") == "nobody"
            assert shown.dialogs() == 0
            assert shown.evaluate("document.querySelectorAll('script, img, iframe, a[href^=java]').length") == 0
        assert "<script>window.owned=1;alert(1)</script>" in shown.evaluate("document.body.innerText")
        assert shown.evaluate("document.title").startswith("Thirteen carts")
        assert [each["entry"]["text"] for each in shown.complaints() if "entry" in each] == []


def test_hostile_names_would_do_something_without_escaping(browser, files, tmp_path):
    """The same page with its text taken for markup, and without its policy, is owned: so the names are dangerous."""
    text = files["hostile"].read_text(encoding="utf-8")
    text = re.sub("<meta http-equiv[^>]*>", "", text)
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&#34;", '"'), ("&#39;", "'")):
        text = text.replace(entity, character)
    with browser.open(write(text, tmp_path / "owned.html"), DESK) as shown:
        assert shown.evaluate("window.owned") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_keyboard_reaches_everything(browser, files, kind):
    """The first tab stop is the link past the navigation, visible when it has the focus, and it leads to the results.

    Every frame that scrolls can be focused and has a name, and whatever has the focus has an outline.
    """
    with browser.open(files[kind], PHONE) as shown:
        _press(shown, "Tab")
        first = "document.activeElement.className + ' ' + (document.activeElement.getBoundingClientRect().left >= 0)"
        assert shown.evaluate(first) == "skip true"
        assert shown.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        _press(shown, "Enter")
        assert shown.evaluate("document.activeElement.id") == "content"
        assert shown.evaluate(f"{_FRAMES}.length") > 0
        assert shown.evaluate(f"{_FRAMES}.filter(e => e.tabIndex || !e.ariaLabel && !e.ariaLabelledByElements)") == []


_FRAMES = """[...document.querySelectorAll('*')].filter(e => e.clientWidth && e.scrollWidth > e.clientWidth + 1 &&
  getComputedStyle(e).overflowX == 'auto')"""
"""What has more than it shows, and scrolls."""


def _press(shown, key):
    code = {"Tab": 9, "Enter": 13}[key]
    text = {"text": "\r"} if key == "Enter" else {}
    for kind in ("keyDown", "keyUp"):
        shown.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)


@pytest.mark.parametrize("kind", KINDS)
def test_the_outline_has_one_first_heading_and_no_gaps(browser, files, kind):
    """One h1; every heading is at most one level below the one before it; every section has a heading as its name."""
    with browser.open(files[kind], DESK) as shown:
        levels = shown.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(e => +e.tagName[1])")
        assert levels.count(1) == 1
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert shown.evaluate("document.documentElement.lang") == "en"
        unnamed = "[...document.querySelectorAll('section')].filter(e => !e.ariaLabelledByElements?.length).length"
        assert shown.evaluate(unnamed) == 0
        bare = "[...document.querySelectorAll('table')].filter(t => !t.caption || !t.tHead || "
        bare += "[...t.querySelectorAll('th')].some(e => !e.scope)).length"
        assert shown.evaluate(bare) == 0


@pytest.fixture(scope="module")
def axe(tmp_path_factory):
    """Return the source of axe-core: that in `$PAGOPA_SIM_NPM` or the user's cache, or else what npm fetches."""
    if KEPT.is_file():
        return KEPT.read_text(encoding="utf-8")
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"needs axe-core: npm install --prefix {NPM} {AXE}")
    folder = tmp_path_factory.mktemp("axe")
    done = subprocess.run(  # noqa: S603 - npm of this machine
        [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", AXE],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"npm cannot fetch {AXE}: {done.stderr.strip().splitlines()[-1:]}")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def test_axe_finds_no_fault_with_the_accessibility_of_any_page(browser, files, axe):
    """Of WCAG 2.2 A and AA and of the good practices: contrast, names, landmarks, tables, order; at both widths.

    All details are opened first, so that they are looked at too. What is inside of a picture counts as one image.
    """
    for kind in KINDS:
        for width in (DESK, PHONE):
            with browser.open(files[kind], width) as shown:
                shown.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
                shown.evaluate(axe)
                found = shown.evaluate(
                    "axe.run({exclude: [['svg[role=img] > *']]})"
                    ".then(r => ({passes: r.passes.map(p => p.id), faults: r.violations.map("
                    "v => [v.id, v.help, v.nodes.slice(0, 3).map(n => n.html.slice(0, 150))])}))"
                )
                assert found["faults"] == [], (kind, width)
                scrolls = {"scrollable-region-focusable"} if width == PHONE else set()
                checked = {"color-contrast", "svg-img-alt", "heading-order", "region", *scrolls}
                assert checked - set(found["passes"]) == set()


def printed(shown, folder):
    """Return the text of every sheet of paper that a page is printed on."""
    file = folder / "page.pdf"
    file.write_bytes(base64.b64decode(shown.ask("Page.printToPDF", preferCSSPageSize=True)["data"]))
    said = subprocess.run(["pdftotext", str(file), "-"], capture_output=True, text=True, check=True).stdout  # noqa: S603, S607
    return said.split("\f")


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="there is no pdftotext: apt-get install poppler-utils")
@pytest.mark.parametrize("kind", KINDS)
def test_paper_has_everything_and_cuts_nothing_off(browser, files, tmp_path, kind):
    """Printed on A4, also without backgrounds: what is folded on the screen is there, and the navigation is not.

    As wide as the paper, no frame has anything beyond its edge.
    """
    with browser.open(files[kind], 687) as shown:  # 210 mm less the margins, at 96 per inch
        shown.ask("Emulation.setEmulatedMedia", media="print")
        assert shown.evaluate("document.documentElement.scrollWidth") <= 687
        said = "".join(printed(shown, tmp_path))
    assert "Skip to the results" not in said
    for part in ("The whole scenario", "outcome_tries:", "How to reproduce", "Assumptions", "a book" * (kind == "run")):
        assert part in said


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="there is no pdftotext: apt-get install poppler-utils")
def test_no_heading_and_no_head_of_a_table_is_left_alone_at_the_foot_of_a_sheet(browser, files, tmp_path):
    """The section begins lower and lower until it is on another sheet: always with two rows of its table at least."""
    feet = set()
    with browser.open(files["run"], 687) as shown:
        for moved in range(0, 500, 30):
            shown.evaluate(f"document.querySelector('#headline').style.paddingTop = '{moved}px'")
            sheets = printed(shown, tmp_path)
            (at,) = (number for number, text in enumerate(sheets) if "Headline figures" in text)
            rows = sheets[at].partition("Headline figures")[2]
            assert "Estimates from" in rows
            assert "payments reversed" in rows, moved
            feet.add(at)
    assert len(feet) > 1
