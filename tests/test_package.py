"""What the wheel and the source archive must hold, and that nothing is fetched while the program runs."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from tools.check_package import NEEDED, NEEDED_IN_SDIST, PACKAGE, missing_from_sdist, missing_from_wheel, source_files

from napari_contransgan.io import Image, read_image, write_image

ABOUT = {f"{PACKAGE}-1.dist-info/{name}" for name in ("licenses/LICENSE", "entry_points.txt", "METADATA")}
WITHOUT_SOCKETS = """
import socket, sys
def refuse(*args, **options):
    raise RuntimeError(f"the network was asked for: {args}")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
from napari_contransgan.cli import main
sys.argv[0] = "napari-contransgan"
main()
"""


def test_the_package_has_its_manifest_its_networks_and_its_types() -> None:
    sources = source_files()
    assert {f"{PACKAGE}/{name}" for name in NEEDED} <= sources
    assert missing_from_wheel(sources | ABOUT, sources) == []


def test_a_wheel_that_lacks_or_holds_something_is_noticed() -> None:
    sources = source_files()
    whole = sources | ABOUT
    assert missing_from_wheel(whole - {f"{PACKAGE}/py.typed"}, sources) == [f"lacks {PACKAGE}/py.typed"]
    assert missing_from_wheel(sources, sources)[0] == "lacks licenses/LICENSE"
    assert missing_from_wheel(whole | {"tests/test_api.py"}, sources) == ["holds tests/test_api.py"]


def test_a_source_archive_that_lacks_something_is_noticed() -> None:
    lacking = missing_from_sdist({f"src/{name}" for name in source_files()}, source_files())
    assert lacking == [f"lacks {name}" for name in sorted(NEEDED_IN_SDIST)]


def test_phase_is_predicted_without_a_network_connection(tmp_path: Path) -> None:
    yx_frame = np.random.default_rng(0).normal(1000, 30, (96, 96)).astype(np.uint16)
    write_image(tmp_path / "frame.ome.tif", Image(yx_frame, "YX", 0.65))
    options = ["predict", str(tmp_path / "frame.ome.tif"), "--out", str(tmp_path / "phase.ome.tif")]
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", WITHOUT_SOCKETS, *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HTTP_PROXY": "", "HTTPS_PROXY": ""},
    )
    assert done.returncode == 0, done.stderr
    assert read_image(tmp_path / "phase.ome.tif").quantity == "phase"
