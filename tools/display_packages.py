"""Check for the system libraries that a Qt window needs on Linux, and for the virtual display of the tests.

``python tools/display_packages.py virtual`` installs missing packages if it can (with Debian's apt, as root). Otherwise
it says what is missing and how to get it, and exits with status 1. ``desktop`` ignores the virtual display and only
warns.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

QT_PACKAGES = (
    "libdbus-1-3",
    "libegl1",
    "libfontconfig1",
    "libgl1",
    "libgl1-mesa-dri",
    "libglib2.0-0",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-keysyms1",
    "libxcb-shape0",
    "libxkbcommon-x11-0",
)
"""Debian's names of the system libraries that the Qt 6 wheels and OpenGL load; apt adds their dependencies."""

VIRTUAL_DISPLAY_PACKAGES = ("xauth", "xvfb")


def missing_packages(wanted: Sequence[str], status: str) -> list[str]:
    """Find the packages that are not installed.

    Parameters
    ----------
    wanted : sequence of str
        Package names.
    status : str
        Output of dpkg-query, with a line ``status name provides`` for each package.

    Returns
    -------
    list of str
        Wanted packages that are neither installed nor provided by an installed package.
    """
    present: set[str] = set()
    for line in status.splitlines():
        state, _, rest = line.partition(" ")
        name, _, provides = rest.partition(" ")
        if state == "installed":
            present |= {name, *(provided.split()[0] for provided in provides.split(",") if provided.strip())}
    return [name for name in wanted if name not in present]


def how_to_get(packages: Sequence[str]) -> str:
    """Return one line that says how to get the missing packages."""
    return f"missing for a window: {' '.join(packages)}. Get them with: sudo apt-get install {' '.join(packages)}"


def install_with_apt(packages: Sequence[str]) -> None:
    """Install packages without asking.

    Raises
    ------
    subprocess.CalledProcessError
        If apt fails; it contains apt's own message.
    """
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        subprocess.run(  # noqa: S603 - fixed words
            ["apt-get", "-qq", *arguments],  # noqa: S607 - found by the system's PATH
            check=True,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )


def see_to_debian(wanted: Sequence[str], *, may_install: bool) -> str | None:
    """Install missing packages if that is allowed; return a message about those that are still missing, or None."""
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Package} ${Provides}\n"]
    answer = subprocess.run(query, check=True, capture_output=True, text=True)  # noqa: S603 - fixed words
    packages = missing_packages(wanted, answer.stdout)
    if not packages:
        return None
    if not may_install or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return how_to_get(packages)
    print(f"Installing system packages for a virtual display: {' '.join(packages)}")
    try:
        install_with_apt(packages)
    except subprocess.CalledProcessError as error:
        return f"{error.stderr.strip()}\napt-get failed ({error.returncode}); {how_to_get(packages)}"
    return None


def main(purpose: str) -> int:
    """Check the packages for a purpose, ``virtual`` or ``desktop``, and return the exit status."""
    if purpose not in {"virtual", "desktop"}:
        print(f"unknown purpose {purpose!r}: use virtual or desktop", file=sys.stderr)
        return 2
    if sys.platform != "linux":
        return 0
    virtual = purpose == "virtual"
    complaint = None
    if shutil.which("dpkg-query"):
        wanted = (*QT_PACKAGES, *VIRTUAL_DISPLAY_PACKAGES) if virtual else QT_PACKAGES
        complaint = see_to_debian(wanted, may_install=virtual)
    elif virtual and not shutil.which("xvfb-run"):
        complaint = (
            "missing for the tests in a window: xvfb-run; the system's package manager has it (often named xvfb)"
        )
    if complaint:
        print(complaint, file=sys.stderr)
        if virtual:
            print("The tests that need no window run with: make unit", file=sys.stderr)
    return 1 if complaint and virtual else 0


if __name__ == "__main__":
    sys.exit(main(" ".join(sys.argv[1:])))
