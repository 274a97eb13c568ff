"""Look up known vulnerabilities of the packages in an environment: ``python tools/audit.py PIP_AUDIT FOLDER``.

pip-audit asks a service in the network. If it cannot be reached, nothing is checked, and the reason is printed.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def summary(answer: str, complaint: str) -> tuple[str, int]:
    """Return what to print about pip-audit's answer, and the exit status.

    Parameters
    ----------
    answer : str
        What pip-audit wrote to standard output: JSON if the look-up took place.
    complaint : str
        What it wrote to standard error.
    """
    try:
        packages: list[dict[str, Any]] = json.loads(answer)["dependencies"]
    except (ValueError, KeyError, TypeError):
        reason = (complaint.strip().splitlines() or ["pip-audit gave no reason"])[-1]
        return f"Skipped: {reason}", 0
    skipped = [f"{package['name']}: {package['skip_reason']}" for package in packages if "skip_reason" in package]
    if packages and len(skipped) == len(packages):
        return f"Skipped: the service knows none of the packages ({skipped[0]})", 0
    found = [
        f"{package['name']} {package['version']}: {fault['id']}, {_remedy(fault['fix_versions'])}"
        for package in packages
        for fault in package.get("vulns", [])
    ]
    total = f"Packages looked up: {len(packages) - len(skipped)}, known vulnerabilities: {len(found)}"
    return "\n".join([*skipped, *found, total]), int(bool(found))


def main(program: Path, folder: Path) -> int:
    """Look up the packages in a folder, print what is known, and return the exit status."""
    command = [str(program), "--path", str(folder), "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own command
    text, status = summary(done.stdout, done.stderr)
    print(text)
    return status


def _remedy(fix_versions: list[str]) -> str:
    return f"fixed in {', '.join(fix_versions)}" if fix_versions else "not fixed in any version"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
