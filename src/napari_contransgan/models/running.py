"""Run a network on square tiles: by ONNX Runtime if it is installed and saves time, otherwise by PyTorch.

Both compute in fp32 and agree to 1e-5 rad, so that every machine gives the same phase. ONNX Runtime takes 50 to 90 % of
PyTorch's time for a tile, depending on the processor. It needs about 0.2 s to prepare; building a network for PyTorch
takes seconds the first time, since timm has to be loaded. PyTorch in bf16 is faster still on processors with bf16
hardware, but changes the phase by up to 0.03 rad, so it is used only on request. The graphs in ``graphs/`` contain no
weights, so each can be used for every network of its kind; weights are stored only in the checkpoint.
`tools/export_graphs.py` writes the graphs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from napari_contransgan.config import EngineName, PrecisionName
from napari_contransgan.errors import InputError
from napari_contransgan.models.checkpoint import LoadedModel
from napari_contransgan.models.compute import Precision, autocast, precision_to_predict
from napari_contransgan.models.tile_gain import TileGain

try:
    import onnxruntime
except ImportError:  # an optional dependency
    onnxruntime = None

LEAST_ONNX_RUNTIME = (1, 20)
LEAST_TILES = 6
"""Number of tiles from which the saved time outweighs the preparation, if PyTorch has the network: 2 to 8, by processor
and tile size."""
GRAPHS = Path(__file__).parent / "graphs"
INPUT = "contrast"
MEAN = ".running_mean"
"""Ending of the name of a batch normalisation's means."""

FloatMap = NDArray[np.float32]


@dataclass(frozen=True)
class TileNetwork:
    """A network prepared for tiles of one size.

    Parameters
    ----------
    run : callable
        Maps contrast to phase in units of the card's reference phase, both of shape (side_px, side_px).
    engine : {"ONNX Runtime", "PyTorch"}
        Library that runs the network.
    precision : {"fp32", "bf16"}
        Precision.
    """

    run: Callable[[FloatMap], FloatMap]
    engine: str
    precision: Precision


def for_tiles(
    loaded: LoadedModel,
    side_px: int,
    device: torch.device,
    count: int,
    engine: EngineName = "auto",
    precision: PrecisionName = "auto",
) -> TileNetwork:
    """Prepare a network for square tiles; a preparation for ONNX Runtime is kept with the network and reused.

    Parameters
    ----------
    loaded : LoadedModel
        The network. Its weights must not change afterwards.
    side_px : int
        Side of the tiles, a multiple of 32.
    device : torch.device
        Device to compute on.
    count : int
        Expected number of tiles.
    engine : {"auto", "onnx", "pytorch"}
        Library to use; ``auto`` uses ONNX Runtime if it can run the network and saves time.
    precision : {"auto", "fp32", "bf16"}
        Precision; see `napari_contransgan.models.compute.precision_to_predict`.

    Raises
    ------
    InputError
        If ONNX Runtime is requested but cannot run this network.
    """
    number = precision_to_predict(precision)
    if engine != "pytorch":
        graph = graph_path(loaded.card.generator, loaded.card.preset, side_px)
        obstacle = _obstacle(graph, side_px, device, number)
        if engine == "onnx" and obstacle:
            raise InputError(f"ONNX Runtime cannot run this network: {obstacle}; or set the engine to auto")
        wanted = (side_px, torch.get_num_threads())
        saves_time = count >= LEAST_TILES or not loaded.is_built
        if not obstacle and wanted not in loaded.ready and (engine == "onnx" or saves_time):
            loaded.ready[wanted] = _by_onnx_runtime(loaded.weights, graph)
        if not obstacle and wanted in loaded.ready:
            made: TileNetwork = loaded.ready[wanted]
            return _with_gain(made, loaded.card.tile_gain)
    return _with_gain(_by_torch(loaded.model.to(device).eval(), device, number), loaded.card.tile_gain)


def _obstacle(graph: Path, side_px: int, device: torch.device, precision: Precision) -> str:
    """Return why ONNX Runtime cannot run the network, and what to change; empty if it can."""
    if device.type != "cpu":
        return f"it computes on the cpu only, not on {device.type}: choose the device cpu"
    if precision != "fp32":
        return f"it computes in fp32 only, not in {precision}: choose the precision fp32"
    if not has_onnx_runtime():
        least = ".".join(map(str, LEAST_ONNX_RUNTIME))
        return f"version {least} or newer is not installed: install napari-contransgan[fast]"
    if not graph.is_file():
        return f"there is no graph of this network for tiles of {side_px} px: choose tiles of 224 or 448 px"
    return ""


def has_onnx_runtime() -> bool:
    """Return whether ONNX Runtime is installed and new enough for the graphs."""
    version = str(getattr(onnxruntime, "__version__", "0")).split(".")[:2]
    return tuple(int(number) for number in version) >= LEAST_ONNX_RUNTIME


def graph_path(generator: str, preset: str, side_px: int) -> Path:
    """Return the path of the graph of a kind of network for square tiles, if there is one."""
    return GRAPHS / f"{generator}_{preset}_{side_px}.onnx"


def without_batch_norms(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Merge the weights of each batch normalisation into those of the convolution before it, with the same output.

    Parameters
    ----------
    weights : mapping of str to Tensor
        Weights of a generator, in which each normalisation comes right after its convolution in a sequence.

    Returns
    -------
    dict
        Weights in float32, in the computer's memory, of the same generator without normalisations.
    """
    floats = {name: value.float().cpu() for name, value in weights.items() if value.is_floating_point()}
    norms = [name.removesuffix(MEAN) for name in floats if name.endswith(MEAN)]
    merged = {name: value for name, value in floats.items() if name.rpartition(".")[0] not in norms}
    for norm in norms:
        sequence, _, place = norm.rpartition(".")
        convolution = f"{sequence}.{int(place) - 1}"
        mean, variance, factor, shift = (floats[norm + part] for part in (MEAN, ".running_var", ".weight", ".bias"))
        weight, bias = fuse_conv_bn_weights(
            merged[f"{convolution}.weight"],
            merged.get(f"{convolution}.bias"),
            mean,
            variance,
            nn.BatchNorm2d(0).eps,
            factor,
            shift,
        )
        merged |= {f"{convolution}.weight": weight.detach(), f"{convolution}.bias": bias.detach()}
    return merged


def _with_gain(network: TileNetwork, gain: TileGain | None) -> TileNetwork:
    if gain is None:
        return network

    def run(yx_contrast: FloatMap) -> FloatMap:
        yx_output = network.run(yx_contrast)
        return yx_output * np.float32(gain.factor(yx_contrast, yx_output))

    return replace(network, run=run)


def _by_torch(network: nn.Module, device: torch.device, precision: Precision) -> TileNetwork:
    def run(yx_contrast: FloatMap) -> FloatMap:
        batch = torch.from_numpy(yx_contrast)[None, None].to(device).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode(), autocast(device, precision):
            return np.asarray(network(batch)[0, 0].float().cpu().numpy(), np.float32)

    return TileNetwork(run, "PyTorch", precision)


def _by_onnx_runtime(network_weights: Mapping[str, torch.Tensor], graph: Path) -> TileNetwork:
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    # Waiting threads that spin would slow down everything else on a small machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    weights = without_batch_norms(network_weights)
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(value.contiguous().numpy()) for value in weights.values()]
    options.add_external_initializers(list(weights), values)
    session = onnxruntime.InferenceSession(graph.read_bytes(), options, providers=["CPUExecutionProvider"])

    def run(yx_contrast: FloatMap) -> FloatMap:
        (phase,) = session.run(None, {INPUT: yx_contrast[None, None]})
        return np.asarray(phase[0, 0], np.float32)

    return TileNetwork(run, "ONNX Runtime", "fp32")
