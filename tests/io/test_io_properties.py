"""Properties of the reader that hold for every file, with files chosen by Hypothesis."""

import contextlib
import json
from pathlib import Path
from random import Random

import numpy as np
import pytest
import tifffile
from benchmarks.faults.mutations import IN_TIFF, mutated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_contransgan.errors import InputError
from napari_contransgan.io import read_image
from napari_contransgan.plain_files import plain_json, plain_yaml

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
FORMS = {
    "plain": {},
    "zlib": {"compression": "zlib", "rowsperstrip": 7},
    "tiles": {"tile": (16, 16)},
    "ome": {"ome": True},
}


@pytest.mark.parametrize("form", FORMS)
@FEW
@given(seed=st.integers(0, 2**32))
def test_a_damaged_file_is_read_alike_at_once_and_lazily_or_refused_in_one_line(
    form: str, seed: int, tmp_path: Path
) -> None:
    path = tmp_path / "image.tif"
    zyx_stack = np.random.default_rng(0).integers(1, 4000, (3, 20, 32), dtype=np.uint16)
    tifffile.imwrite(path, zyx_stack, photometric="minisblack", metadata={"axes": "ZYX"}, **FORMS[form])
    path.write_bytes(mutated(path.read_bytes(), Random(seed), IN_TIFF))  # noqa: S311
    outcomes = []
    for lazy in (False, True):
        try:
            pixels = np.asarray(read_image(path, lazy=lazy).data)
        except InputError as error:
            outcomes.append("refused" if str(error).startswith(f"{path}: ") and "\n" not in str(error) else "badly")
        else:
            outcomes.append(f"{pixels.shape} {pixels.tobytes().hex()}")
    assert outcomes[0] == outcomes[1] != "badly"


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@FEW
@given(value=VALUES)
def test_plain_values_come_back_from_json(value: object) -> None:
    assert plain_json(json.dumps(value)) == value


@FEW
@given(text=st.text(max_size=60))
def test_any_text_is_values_or_a_value_error(text: str) -> None:
    for parse in (plain_json, plain_yaml):
        with contextlib.suppress(ValueError):
            parse(text)
