"""Which tests meet a mutant first, and how a mutant is shown."""

from pathlib import Path

import pytest
from benchmarks.mutants import tree

SOURCE = """
@_mutmut_mutated(d)
def drift(a):
    return a

def x_drift__mutmut_orig(
    a,
):
    b = a + 1
    return b

def x_drift__mutmut_1(
    a,
):
    b = a - 1
    return b

class Frame:
    def xǁFrameǁsize__mutmut_orig(self):
        return 1

    def xǁFrameǁsize__mutmut_12(self):
        return 2
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    texts = {
        "src/napari_contransgan/tie/planes.py": SOURCE,
        "tests/tie/test_a.py": "nothing",
        "tests/tie/test_b.py": "planes of a stack",
        "tests/tie/test_c.py": "drift",
        "tests/models/test_checkpoint.py": "",
        "tests/models/test_unet.py": "",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_tests_that_name_the_function_or_its_module_come_first(copy: Path) -> None:
    names = [f"tests/tie/test_{letter}.py" for letter in "cba"]
    assert tree.tests_of(copy, "napari_contransgan.tie.planes.x_drift__mutmut_1") == names
    of_checkpoint = tree.tests_of(copy, "napari_contransgan.models.checkpoint.x_save__mutmut_3")
    assert of_checkpoint == ["tests/models/test_checkpoint.py"]


def test_a_mutant_is_shown_by_the_lines_that_differ(copy: Path) -> None:
    shown = tree.difference(copy, "napari_contransgan.tie.planes.x_drift__mutmut_1")
    assert "-    b = a + 1\n+    b = a - 1" in shown
    shown = tree.difference(copy, "napari_contransgan.tie.planes.xǁFrameǁsize__mutmut_12")
    assert "-        return 1\n+        return 2" in shown
