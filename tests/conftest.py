"""Fixtures that several test modules use."""

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real and exact reference data that lies beside the project."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no reference data beside the project ({SHARED_DATA} is absent)")
    return SHARED_DATA
