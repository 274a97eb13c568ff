"""Test what a network is told of an image, and that the user hears what was not used."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from napari_contransgan.config import PredictSettings, SimulationSettings, Variation
from napari_contransgan.errors import InputError
from napari_contransgan.inference import predict
from napari_contransgan.io import Image
from napari_contransgan.models.bundled import find_model
from napari_contransgan.models.checkpoint import LoadedModel, ModelCard, load_checkpoint
from napari_contransgan.models.registry import build_generator
from napari_contransgan.models.running import has_onnx_runtime
from napari_contransgan.optics import KnownOptics
from napari_contransgan.progress import result_of
from napari_contransgan.simulation import simulate_pair

YX_COUNTS = np.random.default_rng(0).normal(1000, 20, (64, 64))
FRAME = Image(YX_COUNTS, "YX", pixel_size_um=0.65, name="frame", numerical_aperture=0.25, coherence=0.6)


@pytest.fixture
def network() -> LoadedModel:
    generator = build_generator("unet", "tiny", takes_optics=True).eval()
    torch.manual_seed(0)
    nn.init.normal_(generator.changes[-1].weight, std=0.1)
    card = ModelCard(name="tiny", generator="unet", preset="tiny", phase_ref_rad=2.0, takes_optics=True)
    return LoadedModel(generator, card)


def predicted(image: Image, network: LoadedModel, **stated: float) -> Image:
    return result_of(predict(image, PredictSettings(**stated), network))


def test_the_network_is_told_what_the_file_states(network: LoadedModel) -> None:
    by_file = predicted(FRAME, network)
    assert by_file.settings["predict"]["told"] == {
        "numerical_aperture": 0.25,
        "coherence": 0.6,
        "wavelength_um": 0.55,
    }
    unknown = predicted(replace(FRAME, numerical_aperture=None, coherence=None), network)
    assert not np.allclose(by_file.data, unknown.data, atol=1e-3)


def test_what_is_stated_replaces_what_the_file_states(network: LoadedModel) -> None:
    told = predicted(FRAME, network, coherence=0.9, focus_um=5.0).settings["predict"]["told"]
    assert (told["coherence"], told["focus_um"], told["numerical_aperture"]) == (0.9, 5.0, 0.25)


def test_the_focus_changes_the_phase(network: LoadedModel) -> None:
    phases = [predicted(FRAME, network, focus_um=focus_um).data for focus_um in (-8.0, 8.0)]
    assert not np.allclose(*phases, atol=1e-3)


@pytest.mark.parametrize(
    ("frame", "stated", "words"),
    [
        (FRAME, {"numerical_aperture": 1.3}, "does not know objectives of NA 1.3"),
        (FRAME, {"coherence": 0.05}, "S = 0.05 is outside"),
        (FRAME, {"focus_um": 40.0}, "a focus of 40 um is further"),
        (replace(FRAME, numerical_aperture=None), {"focus_um": 2.0}, "the focus was not used"),
    ],
)
def test_a_note_says_what_the_network_does_not_know(
    network: LoadedModel, frame: Image, stated: dict[str, float], words: str
) -> None:
    assert any(words in note for note in predicted(frame, network, **stated).settings["predict"]["notes"])
    assert not any(words in note for note in predicted(FRAME, network).settings["predict"]["notes"])


def test_a_note_says_that_a_network_cannot_be_told_anything(network: LoadedModel) -> None:
    plain = network.told(KnownOptics())
    noted = predicted(FRAME, plain, focus_um=2.0).settings["predict"]
    assert any("cannot be told the focus: not used" in note for note in noted["notes"])
    assert "told" not in noted
    assert not any("cannot be told" in note for note in predicted(FRAME, plain).settings["predict"]["notes"])


def test_one_focus_for_the_planes_of_a_stack_is_refused(network: LoadedModel) -> None:
    stack = replace(FRAME, data=np.stack([YX_COUNTS] * 3), axes="ZYX", z_step_um=2.0)
    with pytest.raises(InputError, match="planes of a stack differ in focus"):
        predicted(stack, network, focus_um=2.0)
    assert predicted(stack, network).data.shape[0] == 3


def test_the_network_that_was_told_is_kept_until_it_is_told_something_else(network: LoadedModel) -> None:
    near = network.told(KnownOptics(0.25, 0.6, 2.0))
    assert network.told(KnownOptics(0.25, 0.6, 2.0)) is near
    assert network.told(KnownOptics(0.25, 0.6, 3.0)) is not near


FAR = SimulationSettings(
    scene="sparse",
    seed=31,
    field_px=224,
    defocus_um=0.0,
    variation=Variation(focus_share=(0.0, 0.0), focus_um=(-10.0, -10.0)),
)


def test_far_from_focus_the_bundled_network_is_nearer_to_the_truth_the_more_it_is_told() -> None:
    loaded = load_checkpoint(find_model("wide"))
    frame, truth = simulate_pair(FAR, 0)
    unknown = replace(frame, numerical_aperture=None, coherence=None)
    tellings: list[tuple[Image, dict[str, float]]] = [(unknown, {}), (frame, {}), (frame, {"focus_um": -10.0})]
    errors_rad = [np.abs(predicted(image, loaded, **told).data - truth.data).mean() for image, told in tellings]
    assert errors_rad[0] > errors_rad[1] > errors_rad[2]
    assert errors_rad[2] < 0.8 * errors_rad[0]


@pytest.mark.skipif(not has_onnx_runtime(), reason="ONNX Runtime is not installed")
def test_both_engines_give_the_same_phase_for_a_network_that_was_told() -> None:
    loaded, (frame, _) = load_checkpoint(find_model("wide")), simulate_pair(FAR, 0)
    phases = [
        result_of(predict(frame, PredictSettings(focus_um=-10.0, engine=engine, tile_px=224), loaded)).data
        for engine in ("onnx", "pytorch")
    ]
    np.testing.assert_allclose(*phases, atol=2e-5)
