"""Fixtures that several test modules use."""

from collections.abc import Iterator
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real and exact reference data next to the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no reference data beside the project ({SHARED_DATA} is absent)")
    return SHARED_DATA


@pytest.fixture(scope="session", autouse=True)
def _no_runs_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep trainings of session fixtures, and of processes they start, out of the user's own list of runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("user_data")))
        yield


@pytest.fixture(autouse=True)
def _no_known_runs(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every test begin without known runs."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("user_data")))
