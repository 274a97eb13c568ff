"""Install the wheel into an environment of its own and use it without a network: ``check_installed.py dist ENV``.

The command line runs the demo, a prediction and a measurement; then a napari window opens a sample and predicts its
phase. On Linux, all of this runs in a network namespace without interfaces, where that is allowed; elsewhere, and in
any case within Python, connections raise an error.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
WITHOUT_NETWORK = ("unshare", "--net")
REFUSING = '''"""Refuse connections to other computers."""

import socket


def _refuse(*arguments, **options):
    raise OSError(f"this check allows no connection: {arguments[1:]}")


class _Socket(socket.socket):
    def connect(self, address):
        return self._connected("connect", address)

    def connect_ex(self, address):
        return self._connected("connect_ex", address)

    def _connected(self, how, address):
        is_local = self.family == getattr(socket, "AF_UNIX", None)
        return getattr(super(), how)(address) if is_local else _refuse(self, address)


socket.socket = _Socket
socket.create_connection = socket.getaddrinfo = _refuse
'''
"""The file sitecustomize.py, which Python imports at every start."""


def program(environment: Path, name: str) -> Path:
    """Return the path of a program in an environment."""
    return environment / ("Scripts" if os.name == "nt" else "bin") / name


def prefix() -> tuple[str, ...]:
    """Return the beginning of a command that runs without a network; empty where the system cannot do that."""
    if shutil.which(WITHOUT_NETWORK[0]) is None:
        return ()
    done = subprocess.run([*WITHOUT_NETWORK, "true"], check=False, capture_output=True)  # noqa: S603 - our own command
    return () if done.returncode else WITHOUT_NETWORK


def install(wheel: Path, environment: Path, torch_args: str) -> None:
    """Make an environment and install the wheel with a window toolkit; an environment that exists is used again."""
    python = program(environment, "python")
    if not python.is_file():
        _run([sys.executable, "-m", "venv", str(environment)])
    pip = [str(python), "-m", "pip", "install", "-qq", "--no-input", "--disable-pip-version-check"]
    picked = [str(python), str(HERE / "pick_torch.py"), torch_args]
    torch = subprocess.run(picked, check=True, capture_output=True, text=True).stdout.split()  # noqa: S603
    if torch:
        _run([*pip, *torch])
    _run([*pip, f"{wheel}[all]"])
    _run([*pip, "--force-reinstall", "--no-deps", str(wheel)])  # the version may be that of an earlier wheel


def used(environment: Path, folder: Path) -> list[str]:
    """Use the installed program without a network, and return what failed.

    Parameters
    ----------
    environment : Path
        The environment.
    folder : Path
        An empty folder for results.
    """
    (folder / "refusing").mkdir()
    (folder / "refusing" / "sitecustomize.py").write_text(REFUSING)
    variables = {
        **{name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")},
        "PYTHONPATH": str(folder / "refusing"),
        "NAPARI_CONFIG": str(folder / "napari.yaml"),
        "LIBGL_ALWAYS_SOFTWARE": "1",
    }
    environment = environment.absolute()  # the programs start in another folder
    command = str(program(environment, "napari-contransgan"))
    demo = folder / "demo"
    display = ["xvfb-run", "--auto-servernum", "--server-args=-screen 0 1600x1200x24"] if _needs_display() else []
    uses: dict[str, Sequence[str]] = {
        "demo": [command, "demo", "--out", str(demo)],
        "prediction": [
            command,
            "predict",
            str(demo / "sample_frame_10x.ome.tif"),
            "--out",
            str(folder / "phase.ome.tif"),
        ],
        "table": [command, "measure", str(folder / "phase.ome.tif"), "--out", str(folder / "objects.csv")],
        "window": [
            *display,
            *(str(program(environment, "python")), str(HERE / "first_window.py")),
        ],
    }
    failed = []
    for name, options in uses.items():
        done = subprocess.run(  # noqa: S603 - the installed program
            [*prefix(), *options], cwd=folder, env=variables, check=False, capture_output=True, text=True
        )
        if done.returncode:
            failed.append(f"{name}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return failed


def main(dist: Path, environment: Path, torch_args: str) -> int:
    """Install the newest wheel in a folder, use it, and print what failed."""
    wheel = max(dist.glob("*.whl"), key=lambda path: path.stat().st_mtime)
    install(wheel, environment, torch_args)
    with tempfile.TemporaryDirectory() as name:
        failed = used(environment, Path(name))
    how = "in a namespace without a network" if prefix() else "with connections refused within Python"
    print("\n".join(failed) or f"{wheel.name} works {how}: demo, prediction, table, window")
    return int(bool(failed))


def _needs_display() -> bool:
    return sys.platform.startswith("linux") and not os.environ.get("DISPLAY")


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True)  # noqa: S603 - our own commands


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else ""))
