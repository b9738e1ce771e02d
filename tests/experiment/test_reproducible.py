"""The same scenario, seed and version give the same files, byte for byte, from the command line."""

import json
import os
import subprocess
import sys

import pytest

SCENARIO = """\
name: repeatable
run: {warm_up: 5 s, window: 20 s, replications: 3, seed: 5}
arrivals: {rate: 5/s}
cart: {notices: {1: 60%, 3: 40%}}
citizen: {abandon: 10%, think_time: {lognormal: {median: 20 s, sigma: 0.6}}}
node: {processing: {workers: 4, service_time: 20 ms}}
ecs:
  - {name: ec-1, share: 70%, count: 30, zipf: 1, paGetPayment: {ends: {ko: 5%, lost_reply: 5%}}}
  - {name: ec-2, share: 30%, workers: 1, paSendRT: {ends: {unreachable: 10%}}}
psps:
  - {name: psp-a, share: 60%, outcome_delay: {exponential: {mean: 2 s}}, outcome_lost: 10%}
  - {name: psp-b, share: 40%, pspNotifyPaymentV2: {ends: {ko: 10%, hang: 5%}}}
"""


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """Run the scenario twice, in interpreters that hash differently, with one job and with two."""
    folder = tmp_path_factory.mktemp("repeatable")
    (folder / "scenario.yaml").write_text(SCENARIO)
    program = [sys.executable, "-c", "from sim.cli.main import main; main()", "run", "scenario.yaml", "--quiet"]
    for jobs, hashes in ((1, "0"), (2, "4242")):
        more = ["--record", "calls,states", "--format", "json", "--jobs", str(jobs), "--out", str(jobs)]
        environment = {**os.environ, "PYTHONHASHSEED": hashes}
        done = subprocess.run([*program, *more], cwd=folder, env=environment, capture_output=True, check=True)  # noqa: S603
        (folder / f"{jobs}.json").write_bytes(done.stdout)
    return folder


def tables(folder):
    """Return the bytes of every table of the only run in a folder."""
    (run,) = (folder / "repeatable").iterdir()
    return {file.name: file.read_bytes() for file in run.glob("*.parquet")}


def test_tables_are_the_same_byte_for_byte(twice):
    """All tables, calls, states and tallies too: hash seed and number of jobs leave no trace in them."""
    one, two = tables(twice / "1"), tables(twice / "2")
    assert len(one) == 9
    assert one == two


def test_figures_are_the_same(twice):
    """Everything that is printed but the folder and the manifest's wall time, jobs, command and moment."""
    one, two = (json.loads((twice / f"{jobs}.json").read_text()) for jobs in (1, 2))
    manifests = one.pop("manifest"), two.pop("manifest")
    assert one.pop("results") != two.pop("results")
    assert one == two
    differing = {name for name in manifests[0] if manifests[0][name] != manifests[1][name]}
    assert differing - {"started", "wall_s"} == {"jobs", "command"}
