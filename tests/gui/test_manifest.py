"""The manifest: everything it names is there, and napari's menus offer it."""

import os
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
    }


def test_commands_stand_in_menus_that_take_contributions(manifest):
    from napari._app_model.constants._menus import is_menu_contributable

    assert all(is_menu_contributable(menu) for menu in manifest.contributions.menus)
    in_layers_data = {item.command for item in manifest.contributions.menus["napari/layers/data"]}
    assert "napari-contransgan.predict_active_layer" in in_layers_data


def test_opening_the_plugin_imports_no_torch():
    features = ("tie", "predict", "crop", "surface", "train", "measure", "microscope", "adapt")
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
