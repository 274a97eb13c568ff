"""The reproduce command."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import Result

from napari_contransgan.cli.commands_reproduce import PartName

Call = Callable[..., Result]
Json = Callable[..., dict[str, Any]]


def test_a_part_is_made_and_its_figures_are_printed(call_for_json: Json, run_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    figures = call_for_json("reproduce", "speed", "--out", out, "--model", run_folder, "--quick")
    assert figures["report"] == str(out / "report.html")
    assert figures["speed"]["networks"][0]["median_s"] > 0
    assert f"reproduce speed --out DIR --model {run_folder} --quick" in (out / "report.html").read_text()


def test_the_command_offers_every_part() -> None:
    from napari_contransgan.reproduction import PARTS

    assert [part.value for part in PartName] == [*PARTS, "all"]


def test_unknown_part_and_missing_network_exit_with_2_and_write_nothing(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert call("reproduce", "fig12", "--out", out).exit_code == 2
    result = call("reproduce", "speed", "--out", out, "--swin", tmp_path / "none.safetensors")
    assert result.exit_code == 2
    assert "none.safetensors" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not out.exists()
