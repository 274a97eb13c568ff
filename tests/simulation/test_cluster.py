"""Data sets made by the workers of a dask scheduler."""

import socket
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import torch

from napari_contransgan import cluster as connecting
from napari_contransgan.config import SimulationSettings
from napari_contransgan.errors import InputError
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import cluster, write_dataset
from napari_contransgan.simulation.field_files import FieldError

SETTINGS = SimulationSettings(specimen="hela", seed=5, field_px=80, count=5)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A scheduler with two workers in this process."""
    distributed = pytest.importorskip("distributed")
    threads = torch.get_num_threads()
    with distributed.LocalCluster(
        processes=False, n_workers=2, threads_per_worker=1, dashboard_address=":0", protocol="tcp"
    ) as local:
        yield local.scheduler_address
    torch.set_num_threads(threads)


def test_every_byte_is_that_of_one_process(address: str, tmp_path: Path) -> None:
    events = list(write_dataset(SETTINGS, tmp_path / "far", scheduler=address))
    assert [event.step for event in events] == [1, 2, 3, 4, 5]
    result_of(write_dataset(SETTINGS, tmp_path / "here"))
    assert contents(tmp_path / "far") == contents(tmp_path / "here")


def test_it_stops_and_goes_on(address: str, tmp_path: Path) -> None:
    events = write_dataset(SETTINGS, tmp_path, stacks=False, scheduler=address)
    next(events)
    events.close()
    assert [event.step for event in write_dataset(SETTINGS, tmp_path, stacks=False, scheduler=address)] == [2, 3, 4, 5]


def test_few_fields_are_under_way_at_a_time(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    make = cluster.make_files

    def counted(task: cluster.FieldTask) -> dict[str, bytes]:
        made.append(task.index)
        return make(task)

    monkeypatch.setattr(cluster, "make_files", counted)
    many = SETTINGS.model_copy(update={"count": 500})
    events = write_dataset(many, tmp_path, stacks=False, scheduler=address)
    next(events)
    time.sleep(0.5)
    assert len(made) <= 6  # two workers with two fields each, and those that the first event replaced
    events.close()


def test_an_error_on_a_worker_names_the_field(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(settings: SimulationSettings, index: int) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("napari_contransgan.simulation.field_files.draw_specimen", fail)
    with pytest.raises(FieldError, match=r"field \d: ZeroDivisionError: division by zero"):
        list(write_dataset(SETTINGS, tmp_path, stacks=False, scheduler=address))


def test_workers_of_another_version_are_refused(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "versions_here", lambda packages: dict.fromkeys(packages, "9.9"))
    with pytest.raises(InputError, match=r"a worker has napari-contransgan .* instead of 9\.9.*install the same"):
        list(write_dataset(SETTINGS, tmp_path, stacks=False, scheduler=address))


def test_a_scheduler_that_is_not_there_is_told_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(connecting, "CONNECT_S", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(InputError, match=rf"tcp://127\.0\.0\.1:{port}: no dask scheduler answers: .*'dask scheduler'"):
        list(write_dataset(SETTINGS, tmp_path, scheduler=f"tcp://127.0.0.1:{port}"))
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("wrong", ["nowhere", "http://host:1", "tcp://nowhere.invalid:8786"])
def test_what_is_no_address_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(connecting, "CONNECT_S", 1)
    with pytest.raises(InputError, match="no dask scheduler answers: check the address"):
        list(write_dataset(SETTINGS, tmp_path, scheduler=wrong))


def test_another_server_is_not_taken_for_a_scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(connecting, "CONNECT_S", 1)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        began = time.monotonic()
        with pytest.raises(InputError, match="no dask scheduler answers"):
            list(write_dataset(SETTINGS, tmp_path, scheduler=f"tcp://127.0.0.1:{server.server_port}"))
        assert time.monotonic() - began < 5
        server.shutdown()


def test_a_scheduler_without_workers_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(connecting, "CONNECT_S", 1)
    with (
        distributed.LocalCluster(processes=False, n_workers=0, dashboard_address=":0", protocol="tcp") as empty,
        pytest.raises(InputError, match="the scheduler has no workers: start some with 'dask worker tcp://"),
    ):
        list(write_dataset(SETTINGS, tmp_path, scheduler=empty.scheduler_address))


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r'pip install "napari-contransgan\[cluster\]"'):
        list(write_dataset(SETTINGS, tmp_path, scheduler="tcp://host:8786"))
