"""The manifest: everything it names is there, and napari's menus offer it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from npe2 import PluginManifest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_distribution("napari-contransgan")


def test_every_command_names_something_that_can_be_imported(manifest):
    manifest.validate_imports()


def test_manifest_at_the_top_is_the_one_in_the_package():
    assert (ROOT / "napari.yaml").resolve() == (ROOT / "src" / "napari_contransgan" / "napari.yaml").resolve()


def test_every_widget_opens_from_the_plugins_menu(manifest):
    titles = {widget.display_name for widget in manifest.contributions.widgets}
    assert titles == {
        "Phase from focus stack (TIE)",
        "Crop into tiles",
        "Train a network",
        "Predict phase",
        "3D phase surface",
        "Measure objects",
        "Digital microscope",
        "Adapt to my microscope",
        "Start here",
    }


def test_commands_stand_in_menus_that_take_contributions(manifest):
    from napari._app_model.constants._menus import is_menu_contributable

    assert all(is_menu_contributable(menu) for menu in manifest.contributions.menus)
    for menu, command in (
        ("data", "predict_active_layer"),
        ("filter", "tie_widget"),
        ("visualize", "surface_widget"),
        ("measure", "measure_widget"),
        ("register", "compare_phases"),
    ):
        listed = {item.command for item in manifest.contributions.menus[f"napari/layers/{menu}"]}
        assert f"napari-contransgan.{command}" in listed


@pytest.mark.gui
@pytest.mark.parametrize(
    ("words", "command"),
    [
        ("dry mass", "find_dry_mass"),
        ("profile", "find_dry_mass"),
        ("compare", "compare_phases"),
        ("register", "compare_phases"),
        ("ssim", "compare_phases"),
        ("tie", "tie_widget"),
        ("quantitative", "find_quantitative_phase"),
        ("phase", "predict_widget"),
        ("train", "train_widget"),
        ("crop", "crop_widget"),
        ("tile", "crop_widget"),
        ("3d", "surface_widget"),
        ("simulate", "find_simulation"),
        ("start here", "start_widget"),
        ("adapt", "adapt_widget"),
    ],
)
def test_the_palette_finds_commands_by_the_words_people_type(viewer, words, command):
    assert f"napari-contransgan.{command}" in palette_hits(viewer, words)


@pytest.mark.gui
def test_the_palette_offers_nothing_that_needs_a_file(viewer):
    listed = palette_hits(viewer, "")
    assert "napari-contransgan.tie_widget" in listed
    assert not listed & {"napari-contransgan.get_reader", "napari-contransgan.write_layer"}


def palette_hits(viewer, words):
    """Return the commands that the palette finds; napari before 0.9 names those of widgets by their titles."""
    from napari._qt.widgets.qt_command_palette import QCommandPalette, _enabled

    palette = QCommandPalette(viewer.window._qt_window)
    palette.update_context(viewer.window._qt_window)
    context = palette._list._app_model_context
    widgets = PluginManifest.from_distribution("napari-contransgan").contributions.widgets
    by_title = {f"napari-contransgan:{widget.display_name}": widget.command for widget in widgets}
    hits = {hit.id for hit in palette._list.iter_top_hits(words) if _enabled(hit, context)}
    return {by_title.get(hit, hit) for hit in hits}


@pytest.mark.gui
@pytest.mark.parametrize("name", ["dry_mass", "quantitative_phase", "virtual_phase", "simulation", "transfer_learning"])
def test_commands_of_the_palette_open_a_widget(viewer, name):
    from napari._app_model import get_app_model

    get_app_model().commands.execute_command(f"napari-contransgan.find_{name}").result()
    assert len(viewer.window.dock_widgets) == 1


@pytest.mark.gui
def test_the_command_that_compares_opens_its_tab(viewer):
    from napari._app_model import get_app_model

    get_app_model().commands.execute_command("napari-contransgan.compare_phases").result()
    (widget,) = viewer.window.dock_widgets.values()
    assert widget.tabs.tabText(widget.tabs.currentIndex()) == "Compare"


def test_qt_is_imported_through_qtpy_alone():
    bindings = re.compile(r"^\s*(?:from|import) (?:PyQt|PySide)", re.MULTILINE)
    files = [path for folder in ("src", "tests", "tools", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    assert [str(path) for path in files if bindings.search(path.read_text(encoding="utf-8"))] == []


def test_opening_the_plugin_imports_no_torch():
    features = ("start", "tie", "predict", "crop", "surface", "train", "measure", "microscope", "adapt")
    modules = [*(f"{name}.widget" for name in features), "files.readers", "files.writers", "files.sample_data"]
    # And it has asked OpenMP, which torch loads, for threads that wait without spinning.
    code = (
        f"import os, sys; from importlib import import_module; "
        f"[import_module('napari_contransgan.gui.' + name) for name in {modules}]; "
        f"assert 'torch' not in sys.modules; assert os.environ['OMP_WAIT_POLICY'] == 'PASSIVE'"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, env=environment)  # noqa: S603


@pytest.mark.parametrize(("maps", "blocked"), [("… /usr/lib/libLLVM-15.so.1", True), ("… /usr/lib/libGL.so", False)])
def test_triton_is_kept_out_only_where_llvm_is_loaded(monkeypatch, tmp_path, maps, blocked):
    from napari_contransgan.gui.shared import torch_guard

    (tmp_path / "maps").write_text(maps)
    monkeypatch.setattr(torch_guard, "_LOADED_LIBRARIES", tmp_path / "maps")
    monkeypatch.setattr(sys, "modules", {name: module for name, module in sys.modules.items() if name != "triton"})
    torch_guard.keep_triton_out()
    assert ("triton" in sys.modules) == blocked


def test_where_nothing_lists_the_libraries_triton_is_left_alone(monkeypatch, tmp_path):
    from napari_contransgan.gui.shared import torch_guard

    monkeypatch.setattr(torch_guard, "_LOADED_LIBRARIES", tmp_path / "absent")
    monkeypatch.setattr(sys, "modules", {name: module for name, module in sys.modules.items() if name != "triton"})
    torch_guard.keep_triton_out()
    assert "triton" not in sys.modules
