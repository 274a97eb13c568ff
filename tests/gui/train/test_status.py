"""What a training says about itself reads as a person would say it."""

import numpy as np
import pytest

from napari_contransgan.gui.train.status import duration_text, memory_text, rate_text, scores_text, status_text
from napari_contransgan.training.events import Preview, StepFinished, Validated


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "about 1 s"), (42, "about 42 s"), (180, "about 3 min"), (9000, "about 2.5 h")]
)
def test_durations_read_as_a_person_says_them(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(("size", "text"), [(340_000_000, "340 MB"), (1_230_000_000, "1.2 GB"), (78e9, "78.0 GB")])
def test_memory_has_a_unit_that_suits_it(size: int, text: str) -> None:
    assert memory_text(int(size)) == text


@pytest.mark.parametrize(("rate", "text"), [(5e-4, "5e-4"), (1.3e-5, "1.3e-5"), (0.001, "1e-3"), (0.02, "2e-2")])
def test_learning_rate_has_no_needless_zeros(rate: float, text: str) -> None:
    assert rate_text(rate) == text


def test_status_is_one_line_with_all_that_is_known() -> None:
    event = StepFinished(1234, 30000, {}, 8.125, 2e-4, 2_000_000_000)
    assert status_text(event, "NVIDIA H100, bf16", 150) == (
        "Step 1234 of 30000 · about 2 min left · 8.12 images/s · learning rate 2e-4 · NVIDIA H100, bf16 · "
        "2.0 GB of memory"
    )


def test_status_leaves_out_what_is_not_known() -> None:
    assert status_text(StepFinished(3, 3, {}, 0.5), "", 0.0) == "Step 3 of 3 · 0.5 images/s"


def test_scores_are_said_beside_those_of_an_empty_map() -> None:
    blank = np.zeros((2, 2), np.float32)
    text = scores_text(Validated(40, 0.91, 28.25, 0.97, 0.724, 17.0, (Preview(blank, blank, None, blank),)))
    for part in ("step 40", "28.2 dB", "0.910", "0.97", "17.0 dB", "0.724"):
        assert part in text


def test_without_pairs_it_is_said_why_there_are_no_scores() -> None:
    blank, nan = np.zeros((2, 2), np.float32), float("nan")
    assert "no held-out pairs" in scores_text(Validated(40, nan, nan, nan, nan, nan, (Preview(blank, blank),)))
