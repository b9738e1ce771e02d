"""Sweeps on a Dask cluster: a scheduler and workers in processes of their own, on loopback, as on a real one."""

import gc
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from experiment.tiny import tables, tiny
from sim.experiment import executors, manifest
from sim.experiment.design import read_vary
from sim.experiment.executors import ClusterError, crew
from sim.experiment.sweep import sweep

needs_dask = pytest.mark.skipif(find_spec("distributed") is None, reason="is not installed: pip install '.[dask]'")
TESTS = Path(__file__).parents[1]
PATIENCE_S = 60
"""How long to wait for something that takes a second or two, on a machine that does other things as well."""
LONG_S = 120
VARY = ("psps.psp-a.workers=1..3", "arrivals.rate=3/s,4/s,5/s")


class Cluster:
    """A scheduler, and the workers that are asked for."""

    def __init__(self, folder, path):
        self.folder = folder
        self.path = path
        self.workers = []
        self.scheduler = self._started("scheduler", "--port", "0", "--scheduler-file", str(folder / "scheduler.json"))
        self._wait_for(lambda: (folder / "scheduler.json").exists())
        self.address = json.loads((folder / "scheduler.json").read_text())["address"]

    def add_workers(self, count):
        """Start so many workers of one thread each and wait until the scheduler knows them."""
        for _ in range(count):
            options = ("--nthreads", "1", "--no-nanny", "--local-directory", str(self.folder))
            self.workers.append(self._started("worker", self.address, *options))
        log = self.folder / "scheduler.log"
        self._wait_for(lambda: log.read_text().count("Register worker") == len(self.workers))

    def _started(self, what, *options):
        with (self.folder / f"{what}.log").open("a") as log:
            return subprocess.Popen(  # noqa: S603 - this interpreter and a module of Dask
                [
                    sys.executable,
                    "-m",
                    f"distributed.cli.dask_{what}",
                    "--host",
                    "127.0.0.1",
                    "--no-dashboard",
                    *options,
                ],
                env={**os.environ, "PYTHONPATH": str(self.path)},
                stdout=log,
                stderr=log,
            )

    def _wait_for(self, there):
        began_s = time.monotonic()
        while not there():
            assert time.monotonic() - began_s < PATIENCE_S, (self.folder / "scheduler.log").read_text()
            time.sleep(0.05)

    def stop(self):
        """End every process."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@contextmanager
def clustered(folder, workers, path=TESTS):
    """Give a cluster with so many workers, which find modules on a path."""
    cluster = Cluster(folder, path)
    try:
        cluster.add_workers(workers)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Return a cluster with two workers that nobody hurts."""
    with clustered(tmp_path_factory.mktemp("cluster"), 2) as found:
        yield found


@pytest.fixture(scope="module")
def scenario(tmp_path_factory):
    """Return the file of the tiny scenario."""
    return tiny(tmp_path_factory.mktemp("scenario"))


@pytest.fixture(scope="module")
def local(scenario):
    """Return the tables of the sweep as one process makes them."""
    return tables(sweep(scenario, read_vary(VARY), out=scenario.parent / "local").folder)


def who(task, report):
    """Tell which process this is, a while later."""
    report(task)
    time.sleep(0.1)
    return os.getpid()


def refuse(task, report):
    """Fail for a reason that has to travel."""
    report(task)
    raise ValueError(f"task {task} went wrong")


def die(task, report):
    """End the worker, as the system does when memory runs out."""
    report(task)
    os._exit(9)


def last(task, report):
    """Take so long, after the first one."""
    report(task)
    time.sleep(LONG_S if task else 0)


@needs_dask
def test_a_sweep_on_a_cluster_gives_the_same_files_byte_for_byte(cluster, scenario, local, tmp_path):
    """Two workers, against one process on this machine."""
    done = sweep(scenario, read_vary(VARY), scheduler=cluster.address, out=tmp_path)
    assert tables(done.folder) == local


@needs_dask
def test_every_worker_of_a_cluster_has_its_share(cluster):
    """Of twelve tasks, and none of them is here."""
    with crew(scheduler=cluster.address) as workers:
        seen = list(workers.carry_out(who, range(12), print))
    assert len(seen) == 12
    assert set(seen) == {worker.pid for worker in cluster.workers}


@needs_dask
def test_an_error_on_a_cluster_reaches_who_asked(cluster):
    """As itself, and the cluster can be used again."""
    with crew(scheduler=cluster.address) as workers, pytest.raises(ValueError, match=r"task \d went wrong"):
        list(workers.carry_out(refuse, range(3), print))
    with crew(scheduler=cluster.address) as workers:
        assert len(list(workers.carry_out(who, range(2), print))) == 2


@needs_dask
def test_tasks_are_made_only_as_a_cluster_needs_them(cluster):
    """Of a million, when five results are there: those, and two for each of two workers."""
    made = []

    def endless():
        for number in range(1_000_000):
            made.append(number)
            yield number

    with crew(scheduler=cluster.address) as workers:
        results = workers.carry_out(who, endless(), print)
        assert len([next(results) for _ in range(5)]) == 5
        assert len(made) <= 5 + 2 * 2


@needs_dask
def test_ctrl_c_does_not_wait_for_what_is_under_way(tmp_path):
    """A task of two minutes is; those that wait for it are cancelled, and the crew is gone at once."""

    def interrupted(address):
        with crew(scheduler=address) as workers:
            next(workers.carry_out(last, range(9), print))
            time.sleep(0.5)
            raise KeyboardInterrupt

    with clustered(tmp_path, 1) as cluster:
        began_s = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            interrupted(cluster.address)
        assert time.monotonic() - began_s < LONG_S / 4


@needs_dask
def test_a_worker_with_another_program_is_refused(cluster, monkeypatch):
    """Its figures would be kept as those of this one."""
    monkeypatch.setattr(manifest, "of_code", lambda: "what this process has")
    with (
        pytest.raises(ClusterError, match=r"a worker has another version of the program.*install the same everywhere"),
        crew(scheduler=cluster.address) as workers,
    ):
        list(workers.carry_out(who, range(3), print))


@needs_dask
def test_a_cluster_without_the_program_is_refused(tmp_path):
    """Its Python cannot import `sim`, so that nobody there understands what is to be done."""
    (tmp_path / "sim").mkdir()
    (tmp_path / "sim" / "__init__.py").write_text("raise ModuleNotFoundError('not installed', name='sim')\n")
    with (
        clustered(tmp_path, 1, tmp_path) as cluster,
        pytest.raises(ClusterError, match=r"cannot read the tasks; install this version of pagopa-sim there, too"),
        crew(scheduler=cluster.address) as workers,
    ):
        list(workers.carry_out(who, range(3), print))


@needs_dask
def test_a_worker_that_is_killed_in_mid_sweep_changes_nothing(scenario, local, tmp_path):
    """Its replications are carried out by the other one, and the files are those of one process."""
    with clustered(tmp_path, 2) as cluster:

        def watch(far):
            if far.replications == 5:
                cluster.workers[0].kill()
                cluster.workers[0].wait()

        done = sweep(scenario, read_vary(VARY), scheduler=cluster.address, out=tmp_path, watch=watch)
        assert cluster.workers[0].poll() == -9
        assert cluster.workers[1].poll() is None
    assert tables(done.folder) == local


@needs_dask
def test_a_cluster_that_goes_is_said_and_what_was_finished_is_kept(scenario, local, tmp_path):
    """First without workers, then the scheduler is killed in mid-sweep; one process of this machine does the rest."""
    with clustered(tmp_path, 0) as cluster:
        with pytest.raises(ClusterError, match=f"at {cluster.address} has no workers; start one: dask worker tcp://"):
            sweep(scenario, read_vary(VARY), scheduler=cluster.address, out=tmp_path)
        cluster.add_workers(1)

        def watch(far):
            if far.replications == 5:
                cluster.scheduler.kill()
                cluster.scheduler.wait()

        with pytest.raises(ClusterError, match=r"the Dask scheduler at .* is gone; start it, and this command again"):
            sweep(scenario, read_vary(VARY), scheduler=cluster.address, out=tmp_path, watch=watch)
    heard = []
    done = sweep(scenario, read_vary(VARY), out=tmp_path, watch=heard.append)
    assert heard[0].found >= 2
    assert tables(done.folder) == local


@needs_dask
def test_a_task_that_takes_its_workers_down_is_given_up(tmp_path, monkeypatch):
    """Its only worker is gone, and nobody starts another one for as long as is waited."""
    monkeypatch.setattr(executors, "WORKERLESS_S", 1.0)
    with (
        clustered(tmp_path, 1) as cluster,
        pytest.raises(ClusterError, match=f"at {cluster.address} has lost its workers; start some, and this command"),
        crew(scheduler=cluster.address) as workers,
    ):
        list(workers.carry_out(die, range(3), print))


@needs_dask
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:PORT", "nonsense", "quic://127.0.0.1:8786", "tcp://"])
def test_a_scheduler_that_does_not_answer_is_said(address, monkeypatch):
    """With its address and what to start; nothing listens on the port."""
    monkeypatch.setattr(executors, "CONNECT_S", 0.5)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = address.replace("PORT", str(unused.getsockname()[1]))
        with (
            pytest.raises(ClusterError, match=r"^no Dask scheduler answers at .+; start one: dask scheduler$") as error,
            crew(scheduler=address),
        ):
            pass
    assert f" at {address} (" in str(error.value)


def test_without_dask_it_is_said_what_to_install(monkeypatch):
    """Not a traceback of an import."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(ClusterError, match=r"^Dask is not installed; pip install 'pagopa-sim\[dask\]'$"),
        crew(scheduler="x"),
    ):
        pass


@needs_dask
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:PORT", "nonsense", "quic://127.0.0.1:8786", "tcp://"])
def test_a_client_that_found_nobody_is_not_left_half_open(address, monkeypatch):
    """Dask takes a lock while a client starts, and again when it lets one go: by chance, both would wait for ever."""
    client = import_module("distributed").Client
    monkeypatch.setattr(executors, "CONNECT_S", 0.2)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        gc.disable()
        try:
            with pytest.raises(ClusterError), crew(scheduler=address.replace("PORT", str(nobody.getsockname()[1]))):
                pass
            assert not [each for each in gc.get_objects() if isinstance(each, client) and each.status != "closed"]
        finally:
            gc.enable()
