"""Tiles by ONNX Runtime and by PyTorch."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from napari_contransgan.errors import InputError
from napari_contransgan.models import compute, running
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import LoadedModel, ModelCard, load_checkpoint
from napari_contransgan.models.registry import build_generator
from napari_contransgan.models.running import GRAPHS, LEAST_TILES, TileNetwork, graph_path
from napari_contransgan.threads import on_threads

CPU = torch.device("cpu")


def loaded(generator: str, preset: str) -> LoadedModel:
    """A network of random weights whose batch norms are far from doing nothing."""
    torch.manual_seed(0)
    network = build_generator(generator, preset).eval()
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                for values, low, high in (
                    (layer.running_mean, -0.5, 0.5),
                    (layer.running_var, 0.5, 2.0),
                    (layer.weight, 0.5, 1.5),
                    (layer.bias, -0.5, 0.5),
                ):
                    assert values is not None
                    values.uniform_(low, high)
    return LoadedModel(network, ModelCard(name="random", generator=generator, preset=preset, phase_ref_rad=2.0))


def for_many_tiles(network: LoadedModel, side_px: int) -> TileNetwork:
    return running.for_tiles(network, side_px, CPU, LEAST_TILES)


def tile(side_px: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.5, (side_px, side_px)).astype(np.float32)


@pytest.fixture(autouse=True)
def _no_precision_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NAPARI_CONTRANSGAN_PRECISION", raising=False)


@pytest.mark.parametrize("path", sorted(GRAPHS.glob("*.onnx")), ids=lambda path: path.stem)
def test_a_graph_computes_what_the_generator_does(path: Path) -> None:
    generator, preset, side = path.stem.split("_")
    network, yx_contrast = loaded(generator, preset), tile(int(side))
    made = for_many_tiles(network, int(side))
    assert made.engine == "ONNX Runtime"
    with torch.inference_mode():
        expected = network.model(torch.from_numpy(yx_contrast)[None, None])[0, 0].numpy()
    found = made.run(yx_contrast)
    assert found.dtype == np.float32
    assert expected.std() > 0.01
    assert np.abs(found - expected).max() < 1e-4 * expected.std()


def test_the_bundled_networks_and_the_published_size_have_graphs_without_weights() -> None:
    for preset, side_px in (("fast", 224), ("fast", 448), ("compact", 224), ("compact", 448), ("published", 224)):
        assert graph_path("contrans", preset, side_px).stat().st_size < 2e6


@pytest.mark.parametrize(("generator", "side_px"), [("unet", 224), ("contrans", 672)])
def test_what_has_no_graph_is_computed_by_pytorch(generator: str, side_px: int) -> None:
    network, yx_contrast = loaded(generator, "tiny"), tile(side_px)
    made = for_many_tiles(network, side_px)
    assert made.engine == "PyTorch"
    with torch.inference_mode():
        expected = network.model(torch.from_numpy(yx_contrast)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(made.run(yx_contrast), expected, atol=1e-5)


@pytest.mark.parametrize("fast", [False, True])
def test_every_processor_computes_with_the_same_engine_and_precision(
    monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    monkeypatch.setattr(compute, "fast_in_bf16", lambda _: fast)
    made = for_many_tiles(loaded("contrans", "compact"), 224)
    assert (made.engine, made.precision) == ("ONNX Runtime", "fp32")
    few = running.for_tiles(loaded("unet", "tiny"), 224, CPU, 1)
    assert (few.engine, few.precision) == ("PyTorch", "fp32")


@pytest.mark.parametrize("threads", [1, 2])
def test_both_engines_give_the_same_phase_in_fp32_and_nearly_the_same_in_bf16(threads: int) -> None:
    network, yx_contrast = loaded("contrans", "compact"), tile(224)
    with on_threads(threads):
        by_onnx, by_torch, in_bf16 = (
            running.for_tiles(network, 224, CPU, 1, engine, precision)  # type: ignore[arg-type]
            for engine, precision in (("onnx", "fp32"), ("pytorch", "fp32"), ("auto", "bf16"))
        )
        assert [by_onnx.engine, by_torch.engine, in_bf16.engine] == ["ONNX Runtime", "PyTorch", "PyTorch"]
        assert [by_onnx.precision, by_torch.precision, in_bf16.precision] == ["fp32", "fp32", "bf16"]
        expected = by_torch.run(yx_contrast)
        assert np.abs(by_onnx.run(yx_contrast) - expected).max() < 1e-4 * expected.std()
        error = np.abs(in_bf16.run(yx_contrast) - expected).max()
        assert 1e-4 * expected.std() < error < 0.2 * expected.std()


def test_the_environment_may_ask_for_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_CONTRANSGAN_PRECISION", "bf16")
    made = for_many_tiles(loaded("contrans", "compact"), 224)
    assert (made.engine, made.precision) == ("PyTorch", "bf16")


def test_pytorch_computes_where_it_is_asked_to_though_onnx_runtime_is_ready() -> None:
    network = loaded("contrans", "compact")
    for_many_tiles(network, 224)
    assert running.for_tiles(network, 224, CPU, LEAST_TILES, "pytorch").engine == "PyTorch"


@pytest.mark.parametrize(
    ("side_px", "device", "precision", "words"),
    [
        (224, "meta", "auto", "on the cpu only, not on meta: choose the device cpu"),
        (224, "cpu", "bf16", "in fp32 only, not in bf16: choose the precision fp32"),
        (672, "cpu", "auto", "no graph of this network for tiles of 672 px: choose tiles of 224 or 448 px"),
    ],
)
def test_onnx_runtime_refuses_what_it_cannot_compute(side_px: int, device: str, precision: str, words: str) -> None:
    with pytest.raises(InputError, match=f"ONNX Runtime cannot run this network: .*{words}"):
        running.for_tiles(loaded("contrans", "compact"), side_px, torch.device(device), 1, "onnx", precision)  # type: ignore[arg-type]


def test_an_onnx_runtime_that_is_asked_for_and_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "onnxruntime", None)
    with pytest.raises(InputError, match=r"1\.20 or newer is not installed: install napari-contransgan\[fast\]"):
        running.for_tiles(loaded("contrans", "compact"), 224, CPU, 1, "onnx")


@pytest.mark.parametrize("there", [None, SimpleNamespace(), SimpleNamespace(__version__="1.17.3")])
def test_without_a_new_enough_onnx_runtime_pytorch_computes(
    monkeypatch: pytest.MonkeyPatch, there: SimpleNamespace | None
) -> None:
    monkeypatch.setattr(running, "onnxruntime", there)
    assert for_many_tiles(loaded("contrans", "compact"), 224).engine == "PyTorch"


def test_for_few_tiles_nothing_is_made_ready_but_what_is_ready_is_used() -> None:
    network = loaded("contrans", "compact")
    assert running.for_tiles(network, 224, CPU, LEAST_TILES - 1).engine == "PyTorch"
    ready = for_many_tiles(network, 224)
    assert ready.engine == "ONNX Runtime"
    assert running.for_tiles(network, 224, CPU, 1) is ready


def test_a_network_that_was_only_read_is_not_built_for_onnx_runtime() -> None:
    read = load_checkpoint(find_model("all"))
    assert running.for_tiles(read, 224, CPU, 1).engine == "ONNX Runtime"
    assert not read.is_built
    assert running.for_tiles(read, 224, CPU, 1, "pytorch").engine == "PyTorch"
    assert read.is_built


def test_the_first_phase_does_not_wait_for_timm(tmp_path: Path) -> None:
    code = (
        "import sys, numpy as np, napari_contransgan as nc;"
        "nc.predict(np.random.default_rng(0).poisson(1000, (128, 128)), pixel_size_um=0.65);"
        "print(sorted({'torch', 'timm', 'torchvision'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)  # noqa: S603 - our own
    assert done.stdout == "['torch']\n"


def test_other_devices_are_left_to_pytorch() -> None:
    assert running.for_tiles(loaded("contrans", "compact"), 224, torch.device("meta"), LEAST_TILES).engine == "PyTorch"


def test_what_was_made_ready_is_kept_for_its_size_and_threads() -> None:
    network = loaded("contrans", "compact")
    with on_threads(1):
        first = for_many_tiles(network, 224)
        assert for_many_tiles(network, 224) is first
        assert for_many_tiles(network, 448) is not first
    with on_threads(2):
        assert for_many_tiles(network, 224) is not first


def test_merging_batch_norms_leaves_the_network_as_it_was() -> None:
    network = loaded("contrans", "compact")
    before = {name: value.clone() for name, value in network.model.state_dict().items()}
    for_many_tiles(network, 224)
    after = network.model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
