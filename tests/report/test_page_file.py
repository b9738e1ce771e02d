"""The page as a file: complete, the same every time, and nothing in it but what this program put there."""

import os
import re
import resource
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from report.pages import HOSTILE, hostile_run, read_page, run_by_hand
from report.pictures import twice
from sim.report.files import write
from sim.report.page import page
from sim.store import StoreError


@pytest.fixture(scope="module")
def text(reported):
    """Return the page of the run made by hand."""
    return page(reported)


def test_the_same_result_gives_the_same_page(reported, text):
    """Byte for byte: nothing in it is of the moment at which it is written."""
    assert page(reported) == text


def test_a_page_needs_nothing_else(read, text):
    """No script, no address but those within the page, and a policy that forbids any other."""
    assert {each.tag for each in read.all()} & {"script", "img", "iframe", "object", "embed", "base", "form"} == set()
    assert [each.attributes for each in read.all("link")] == [{"rel": "icon", "href": "data:,"}]
    targets = {e.attributes[name] for e in read.all() for name in ("href", "xlink:href", "src") if name in e.attributes}
    assert all(target.startswith("#") or target == "data:," for target in targets)
    assert not re.search(r"@import|url\((?!#)", text)
    policy = next(e.attributes["content"] for e in read.all("meta") if "http-equiv" in e.attributes)
    assert policy.split("; ")[:3] == ["default-src 'none'", "style-src 'unsafe-inline'", "img-src data:"]


@pytest.mark.parametrize("kind", ["run", "hostile", "sweep"])
def test_no_two_things_of_a_page_share_an_id_and_every_reference_leads_to_one(reported, swept, tmp_path, kind):
    """Ids of pictures and captions, and what links, labels and clipping paths refer to."""
    result = {"run": lambda: reported, "hostile": lambda: hostile_run(tmp_path), "sweep": lambda: swept}[kind]()
    text = page(result)
    every = read_page(text).all()
    ids = Counter(each.attributes["id"] for each in every if "id" in each.attributes)
    assert [name for name, count in ids.items() if count > 1] == []
    referred = {each.attributes["aria-labelledby"] for each in every if "aria-labelledby" in each.attributes}
    links = (each.attributes.get(name, "") for each in every for name in ("href", "xlink:href"))
    referred |= {link[1:] for link in links if link.startswith("#")}
    referred |= set(re.findall(r"url\(#([^)]+)\)", text))
    assert referred - {*ids} == set()


def test_hostile_names_are_text_and_nothing_else(tmp_path):
    """They stand on the page as they are, and make no element, no attribute and no template of their own.

    The elements are those of a page whose scenario has harmless names, but for line breaks within paths and drawings.
    """
    whole = read_page(page(hostile_run(tmp_path)))
    for each in HOSTILE[:-1]:
        assert " ".join(each.split()) in whole.text
    assert "49" not in " ".join(HOSTILE)
    assert "{{ 7 * 7 }}" in whole.text
    allowed = {each.tag for each in read_page(page(run_by_hand(tmp_path, *twice()))).all()}
    assert {each.tag for each in whole.all()} <= allowed | {"small"}
    named = {name for each in whole.all() for name in each.attributes}
    assert {name for name in named if name.startswith("on")} == set()


def test_a_page_is_written_whole_or_not_at_all(tmp_path, text):
    """Also with a half of a surrogate pair, which no encoding has; in a folder that is not there it is refused."""
    file = write(text + "\ud800", tmp_path / "report.html")
    assert file.read_text(encoding="utf-8") == text + "?"
    with pytest.raises(StoreError, match=r"nowhere/report\.html: cannot be written \(No such file or directory\)"):
        write(text, tmp_path / "nowhere" / "report.html")
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(StoreError, match="cannot be written"):
        write(text, tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


@pytest.fixture
def full_disk():
    """Let no file of this process become longer than a thousand bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.usefixtures("full_disk")
def test_a_page_for_which_there_is_no_room_leaves_nothing_and_the_older_one_as_it_was(tmp_path, text):
    """The writing itself fails; no file is left beside the place."""
    file = write("older", tmp_path / "report.html")
    with pytest.raises(StoreError, match=r"report\.html: cannot be written \(File too large\)"):
        write(text, file)
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"report.html": "older"}


def test_a_page_that_is_interrupted_leaves_nothing(tmp_path, text, monkeypatch):
    """Ctrl-C when the page is written, but not yet in its place."""

    def chmod(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "chmod", chmod)
    with pytest.raises(KeyboardInterrupt):
        write(text, tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_is_written_into_and_stays_one(tmp_path, text):
    """It is not replaced by a file that nobody reads; nor is a device."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as reader:
        heard = reader.submit(pipe.read_text, encoding="utf-8")
        write(text, pipe)
        assert heard.result(timeout=10) == text
    assert pipe.is_fifo()
    assert write(text, "/dev/null").is_char_device()


def test_a_link_to_a_page_stays_a_link(tmp_path, text):
    """What it leads to is replaced."""
    (tmp_path / "first.html").write_text("older")
    (tmp_path / "latest.html").symlink_to("first.html")
    write(text, tmp_path / "latest.html")
    assert (tmp_path / "latest.html").is_symlink()
    assert (tmp_path / "first.html").read_text(encoding="utf-8") == text
