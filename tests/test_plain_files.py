"""Values as JSON can hold them."""

import json
from pathlib import Path

import numpy as np

from napari_contransgan.plain_files import json_value


def test_values_become_what_json_can_hold() -> None:
    values = {
        "path": Path("a/b"),
        2: (np.float32(0.5), np.bool_(True)),
        "nested": [{"count": np.int64(3)}],
        "none": None,
    }
    assert json.loads(json.dumps(json_value(values))) == {
        "path": str(Path("a/b")),
        "2": [0.5, True],
        "nested": [{"count": 3}],
        "none": None,
    }


def test_numbers_that_are_not_finite_are_left_out_where_json_must_be_strict() -> None:
    assert json_value({"a": [np.float64("nan"), float("inf"), 1.0]}, only_finite=True) == {"a": [None, None, 1.0]}
    assert json_value((float("inf"),)) == [float("inf")]
