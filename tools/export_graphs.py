"""Write the ONNX graphs, without weights, for predictions on a CPU: `make graphs`.

This is needed again if the layers of a generator change; a test compares the graphs with the generators.
"""

import json
from collections.abc import Callable, MutableSequence
from typing import Any

import onnx
import onnx.inliner
import onnxscript.optimizer
import torch
from torch import nn

from napari_contransgan.models.registry import SHAPES, build_generator, shapes_key
from napari_contransgan.models.running import GRAPHS, INPUT, graph_path, without_batch_norms

EXPORTED = (
    ("contrans", "fast", 224),
    ("contrans", "fast", 448),
    ("contrans", "compact", 224),
    ("contrans", "compact", 448),
    ("contrans", "published", 224),
)
"""Generator, size and tile side; the published size is included only to compare its speed."""


def main() -> None:
    """Export all graphs."""
    GRAPHS.mkdir(exist_ok=True)
    for generator, preset, side_px in EXPORTED:
        path = graph_path(generator, preset, side_px)
        path.write_bytes(_without_weights(generator, preset, side_px))
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")
    SHAPES.write_text(_one_line_each(_shapes()))


def _shapes() -> dict[str, dict[str, list[str | int]]]:
    """Return type and shape of each weight of the exported generators."""
    shapes = {}
    for generator, preset in sorted({one[:2] for one in EXPORTED}):
        weights = build_generator(generator, preset).state_dict()
        shapes[shapes_key(generator, preset)] = {
            name: [str(value.dtype).removeprefix("torch."), *value.shape] for name, value in weights.items()
        }
    return shapes


def _one_line_each(shapes: dict[str, dict[str, list[str | int]]]) -> str:
    networks = (
        f'"{key}": {{\n' + ",\n".join(f'  "{name}": {json.dumps(shape)}' for name, shape in weights.items()) + "\n}"
        for key, weights in shapes.items()
    )
    return "{\n" + ",\n".join(networks) + "\n}\n"


def _without_weights(generator: str, preset: str, side_px: int) -> bytes:
    network = _without_batch_norms(build_generator(generator, preset))
    tile = torch.zeros(1, 1, side_px, side_px)
    exported = torch.onnx.export(
        network, (tile,), dynamo=True, optimize=False, verbose=False, input_names=[INPUT], output_names=["phase"]
    )
    assert exported is not None  # noqa: S101 - holds for every dynamo export
    model = onnx.inliner.inline_local_functions(exported.model_proto)
    names = network.state_dict().keys()
    weights = {tensor.name: tensor for tensor in model.graph.initializer if tensor.name in names}
    if missing := names - weights.keys():
        raise SystemExit(f"the exporter renamed {', '.join(sorted(missing))}")
    # Weights are inputs, so they are not folded into other operations; constants such as attention masks are.
    _keep(model.graph.initializer, lambda tensor: tensor.name not in weights)
    for name, tensor in weights.items():
        model.graph.input.append(onnx.helper.make_tensor_value_info(name, tensor.data_type, list(tensor.dims)))
    model = onnxscript.optimizer.optimize(model)
    _keep(model.graph.input, lambda value: value.name == INPUT)
    for name, tensor in weights.items():
        empty = onnx.TensorProto(
            name=name, data_type=tensor.data_type, dims=tensor.dims, data_location=onnx.TensorProto.EXTERNAL
        )
        empty.external_data.add(key="location", value="given by the checkpoint")
        model.graph.initializer.append(empty)
    _forget_where_it_came_from(model)
    return bytes(model.SerializeToString(deterministic=True))


def _without_batch_norms(network: nn.Module) -> nn.Module:
    weights = without_batch_norms(network.state_dict())
    for layers in network.modules():
        if isinstance(layers, nn.Sequential):
            for place, layer in enumerate(layers):
                if isinstance(layer, nn.BatchNorm2d):
                    layers[place] = nn.Identity()
                    layers[place - 1].bias = nn.Parameter(torch.empty(layer.num_features))
    network.load_state_dict(weights)
    return network.eval()


def _keep(things: MutableSequence[Any], wanted: Callable[[Any], bool]) -> None:
    kept = [thing for thing in things if wanted(thing)]
    del things[:]
    things.extend(kept)


def _forget_where_it_came_from(model: onnx.ModelProto) -> None:
    """Remove stack traces, which contain paths, and the shapes of intermediate values."""
    for part in (model, model.graph, *model.graph.node, *model.graph.initializer, *model.graph.input):
        del part.metadata_props[:]
        part.doc_string = ""
    del model.graph.value_info[:]


if __name__ == "__main__":
    main()
