"""What the wheel and the source archive must hold, and that nothing is fetched while the program runs."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tools.check_package import NEEDED, NEEDED_IN_SDIST, PACKAGE, missing_from_sdist, missing_from_wheel, source_files

from napari_contransgan.io import Image, write_image

ROOT = Path(__file__).parents[1]
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


@pytest.mark.parametrize("command", ["predict", "tie", "measure"])
def test_commands_run_without_a_network_connection(tmp_path: Path, command: str) -> None:
    rng = np.random.default_rng(0)
    frames = {
        "predict": Image(rng.normal(1000, 30, (96, 96)).astype(np.uint16), "YX", 0.65),
        "tie": Image(rng.normal(1000, 30, (3, 96, 96)).astype(np.uint16), "ZYX", 0.65, 3.0),
        "measure": Image(np.pad(np.ones((40, 40), np.float32), 28), "YX", 0.65, quantity="phase", wavelength_um=0.55),
    }
    write_image(tmp_path / "in.ome.tif", frames[command])
    out = tmp_path / ("out.csv" if command == "measure" else "out.ome.tif")
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", WITHOUT_SOCKETS, command, str(tmp_path / "in.ome.tif"), "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HTTP_PROXY": "", "HTTPS_PROXY": ""},
    )
    assert done.returncode == 0, done.stderr
    assert out.stat().st_size > 0


def test_no_module_speaks_to_the_network() -> None:
    network = {"aiohttp", "ftplib", "http", "httpx", "huggingface_hub", "requests", "socket", "ssl", "urllib"}
    found = {}
    for path in (ROOT / "src").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        if used := {name.split(".")[0] for name in names} & network:
            found[path.name] = used
    assert found == {"atomic.py": {"socket"}}  # the name of this computer
