"""What is on disk is opened as what it was."""

import json
import zlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from analysis.hand import NAMES, records

import sim
from sim.analysis.packing import pack
from sim.analysis.reading import summary_of
from sim.analysis.sequential import Rule
from sim.analysis.summary import summarise
from sim.analysis.tally import tally
from sim.scenario.slos import parse
from sim.store import StoreError

WORLD = {
    "name": "small",
    "run": {"warm_up": "0 s", "window": "20 s", "replications": 3},
    "arrivals": {"rate": "2/s"},
    "ecs": [{"name": "ec", "share": 1}],
    "psps": [{"name": "psp-a", "share": "50%"}, {"name": "psp-b", "share": "50%", "outcome_lost": "20%"}],
    "slos": ["p(95, user_wait) < 3 s", "tnspo_official{psp=psp-b} >= 98%", "reversal_rate < 1%"],
}


@pytest.fixture
def run(tmp_path):
    return sim.run(WORLD, out=tmp_path)


def test_a_stored_run_is_the_run_that_was_made(run):
    """Figures, objectives, manifest, tallies and tables: everything that `Run` shows is the same again."""
    again = sim.read(run.folder)
    assert again.to_json() == run.to_json()
    assert [judged.slo for judged in again.summary.slos] == [judged.slo for judged in run.summary.slos]
    assert list(map(pack, again.tallies)) == list(map(pack, run.tallies))
    assert (again.interrupted, repr(again), again._repr_html_()) == (False, repr(run), run._repr_html_())
    assert again.payments.equals(run.payments)


def test_figures_are_those_that_were_stored_and_not_computed_anew(run):
    """A mean that is changed in the file is the mean of the run that is read."""
    file = run.folder / "summary.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    document["metrics"]["paid_share"]["mean"] = 0.123
    file.write_text(json.dumps(document), encoding="utf-8")
    assert sim.read(run.folder).summary.metrics["paid_share"].mean == 0.123


def test_a_summary_comes_back_from_its_document_with_what_is_not_known():
    """Of records made by hand, with one replication, so that intervals are NaN, and with several."""
    slos = [parse(text, NAMES) for text in ("tnspo >= 98%", "p(95, user_wait{psp=psp-b}) < 3 s")]
    asked = [slo.quantile for slo in slos if slo.quantile]
    for count in (1, 4):
        tallies = [tally(records(number), asked) for number in range(count)]
        for summary in (summarise(tallies, slos), *([Rule().summarise(tallies, slos)] if count > 1 else [])):
            document = summary.to_json()
            assert summary_of(json.loads(json.dumps(document)), slos).to_json() == document


def test_tallies_of_another_version_are_left_out_and_the_figures_are_there(run):
    """With bytes that are no tally of this version, and without the file."""
    file = run.folder / "tallies.parquet"
    pq.write_table(pa.table({"replication": [0], "tally": [zlib.compress(b'{"replication": 0}')]}), file)
    assert (sim.read(run.folder).tallies, sim.read(run.folder).to_json()) == ((), run.to_json())
    file.unlink()
    assert (sim.read(run.folder).tallies, sim.read(run.folder).to_json()) == ((), run.to_json())


def test_a_sweep_is_opened_too(tmp_path):
    """As the sweep that `sim.sweep` gave."""
    file = tmp_path / "small.yaml"
    file.write_text(json.dumps(WORLD), encoding="utf-8")
    made = sim.sweep(file, {"psps.psp-b.outcome_lost": "10%,20%"}, replications=2, out=tmp_path)
    again = sim.read(made.folder)
    assert (repr(again), again.manifest) == (repr(made), made.manifest)
    assert again.points.equals(made.points)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("nowhere", "is not there"),
        ("small.txt", "is a file; give the folder of a run or a sweep"),
        ("empty", "is neither a run nor a sweep; give a folder such as results/SCENARIO/RUN"),
        ("results", "is neither a run nor a sweep, but has 1 of them; give one, for example {run}"),
        ("results/small", "is neither a run nor a sweep, but has 1 of them; give one, for example {run}"),
    ],
)
def test_a_folder_that_is_no_run_is_refused_with_what_to_give(tmp_path, place, said):
    """Nothing there, a file, an empty folder, and the folders in which runs are."""
    (tmp_path / "small.txt").touch()
    (tmp_path / "empty").mkdir()
    made = sim.run(WORLD, out=tmp_path / "results", replications=1)
    with pytest.raises(StoreError) as refused:
        sim.read(tmp_path / place)
    assert str(refused.value) == f"{tmp_path / place}: {said.format(run=made.folder)}"


@pytest.mark.parametrize("name", ["manifest.json", "summary.json"])
@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"scenario": {"psps": 3, "ecs": []}}'])
def test_documents_that_are_none_are_refused(run, name, text):
    """Cut off, empty, or of another structure: an error that names the folder, whatever was read."""
    (run.folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(StoreError, match=str(run.folder)):
        sim.read(run.folder)


@pytest.mark.parametrize(("text", "lacks"), [("{}", "scenario"), ("[]", "scenario"), ('{"scenario": {}}', "file")])
def test_the_manifest_of_a_sweep_that_is_none_is_refused(tmp_path, text, lacks):
    """As that of a run: an error that names the file, and what it lacks."""
    (tmp_path / "small.yaml").write_text(json.dumps(WORLD), encoding="utf-8")
    made = sim.sweep(tmp_path / "small.yaml", {"psps.psp-b.outcome_lost": "10%"}, replications=2, out=tmp_path)
    (made.folder / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(StoreError, match=rf"manifest\.json: is damaged, or of another version: it lacks {lacks};"):
        sim.read(made.folder)
