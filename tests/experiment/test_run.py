"""A run from Python: its progress, its result, and what is left when it is interrupted."""

import gc
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sim.experiment.run import Progress, run
from sim.scenario.load import from_dict
from sim.store import StoreError

SMALL = {
    "name": "small",
    "run": {"warm_up": "5 s", "window": "20 s", "replications": 3},
    "arrivals": {"rate": "5/s"},
    "citizen": {"abandon": 0.2},
    "ecs": [{"name": "ec-1", "share": 1}],
    "psps": [{"name": "psp-a", "share": 1, "pspNotifyPaymentV2": {"ends": {"ko": 0.2}}}],
    "slos": ["token_expiry_rate < 90%"],
}


def small(*sets, **sections):
    """Load the small scenario, changed."""
    return from_dict({**SMALL, **sections}, sets)


def stop_after(replications):
    """Return a watch that presses Ctrl-C when so many replications are done."""

    def watch(far):
        if far.replications >= replications:
            raise KeyboardInterrupt

    return watch


class Text(HTMLParser):
    """What a browser would show of a page, and which tags it has."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.tags = [], set()
        self.feed(page)

    def handle_data(self, data):
        """Note a text."""
        self.texts.append(data)

    def handle_starttag(self, tag, attrs):
        """Note a tag."""
        self.tags.add(tag)


@pytest.mark.parametrize("jobs", [1, 2])
def test_progress_goes_forward_and_ends_with_everything_done(jobs):
    """Simulated time and payments never decrease; the last report has all 25 s of arrivals of all replications."""
    heard = []
    result = run(small(), jobs=jobs, watch=heard.append)
    for name in ("simulated_s", "payments", "replications"):
        values = [getattr(far, name) for far in heard]
        assert values == sorted(values)
    assert heard[-1] == Progress(75.0, 75.0, result.manifest["activations"], 3, 3)


def test_records_live_as_long_as_the_result():
    """Without a folder they are kept aside and go with the result; a table read before stays."""
    result = run(small(), replications=1)
    folder, payments = result.folder, result.payments
    assert folder.is_dir()
    assert len(payments) == result.manifest["activations"]
    del result
    gc.collect()
    assert not folder.exists()
    assert payments["replication"].eq(0).all()


def test_tables_are_data_frames_with_a_row_per_thing(tmp_path):
    """As many carts as arrived, as many payments as activations, and the reversals among them."""
    result = run(small(), out=tmp_path, record=["states"])
    assert result.folder.parent == tmp_path / "small"
    assert len(result.carts) == result.carts.groupby("replication")["cart"].nunique().sum()
    assert len(result.reversals) == (result.payments["reversal_cause"] != "none").sum() > 0
    assert set(result.stations["station"]) >= {"node", "psps.psp-a", "ecs.ec-1"}
    assert result.table("states")["subject"].isin(["payment", "position", "receipt"]).all()
    with pytest.raises(StoreError, match="--record calls"):
        result.table("calls")


def test_metrics_are_the_share_that_the_records_have():
    """Token expiry: the tokens of measured carts with an expiry cause, over those issued, as counted from the rows."""
    result = run(small())
    tokens = result.payments[result.payments["measured"] & result.payments["issued_s"].notna()]
    expired = tokens["cancel_cause"].isin(["abandoned", "activation_failed"])
    estimate = result.metrics.loc["token_expiry_rate"]
    assert estimate["mean"] == pytest.approx(expired.mean())
    assert estimate["low"] < estimate["mean"] < estimate["high"]
    assert estimate["n"] == 3


def test_a_result_shows_itself_in_a_notebook_and_on_a_line():
    """Name, number of replications, verdicts and headline; a name with markup is shown as it is written."""
    result = run(small(name="small"))
    object.__setattr__(result, "manifest", {"scenario": {"name": "<script>alert(1)</script>"}})
    shown = Text(result._repr_html_())
    assert "script" not in shown.tags
    assert "<script>alert(1)</script>" in shown.texts
    assert "token_expiry_rate < 90%" in shown.texts
    assert "tokens that expire" in shown.texts
    assert repr(result) == "<Run of <script>alert(1)</script>: 3 replications, pass>"


def test_a_result_without_objectives_shows_its_headline_alone():
    """One table, and no verdict on nothing."""
    page = run(small(slos=[]), replications=1)._repr_html_()
    assert page.count("<table") == 1
    assert "1 replication<" in page


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_run_keeps_the_replications_that_were_finished(tmp_path, jobs):
    """Interrupted after the second of 20: what is kept is whole, says so, and is of those replications alone."""
    result = run(small(), replications=20, jobs=jobs, out=tmp_path, watch=stop_after(2))
    kept = result.manifest["replications"]
    assert result.interrupted
    assert result.manifest["interrupted"]
    assert (result.summary.replications, result.manifest["replications_asked"]) == (len(kept), 20)
    assert 2 <= len(kept) < 20
    assert sorted(set(result.carts["replication"])) == kept
    assert [path.name for path in (tmp_path / "small").iterdir()] == [result.folder.name]


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interruption_before_the_first_replication_is_finished_keeps_nothing(tmp_path, jobs):
    """It is an interruption, and the folder of the scenario is empty."""
    with pytest.raises(KeyboardInterrupt):
        run(small("run.window=2000 s"), jobs=jobs, out=tmp_path, watch=stop_after(0))
    assert list((tmp_path / "small").iterdir()) == []


def test_an_interruption_in_the_middle_of_a_replication_is_silent():
    """Flows that wait for one another end in order: nothing complains while they go (it would be an error here)."""
    carts_of_three = {"notices": {3: 1}}
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            run(small("run.window=200 s", cart=carts_of_three), watch=stop_after(0))
        gc.collect()


def test_nothing_is_left_aside_when_a_run_fails(monkeypatch, tmp_path):
    """Without a folder of its own the run cleans up behind itself."""
    monkeypatch.setattr("sim.experiment.run.mkdtemp", lambda **_: str(tmp_path / "aside"))
    (tmp_path / "aside").mkdir()
    with pytest.raises(KeyboardInterrupt):
        run(small(), watch=stop_after(0))
    assert not Path(tmp_path / "aside").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [({"replications": 0}, "replications is 0; write a whole number"), ({"record": ["faults"]}, "calls and states")],
)
def test_arguments_out_of_range_are_refused(options, said):
    """Before anything is simulated."""
    with pytest.raises(ValueError, match=said):
        run(small(), **options)
