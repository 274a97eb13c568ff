"""Which network serves which part."""

from collections.abc import Mapping
from dataclasses import dataclass

from napari_contransgan.errors import InputError
from napari_contransgan.models.bundled import DEFAULT_MODEL, bundled_models, find_model
from napari_contransgan.models.checkpoint import LoadedModel, load_checkpoint

Networks = Mapping[str, LoadedModel]

SPECIALISTS = {"hela": ("10x",), "psm": ("4x", "10x", "20x", "40x")}
"""Bundled networks, named after their only specimen, and the objectives that they are for.

They stand beside the default one where they are there."""

COMPARED = ("contrans", "unet", "swin")


@dataclass(frozen=True)
class NetworkChoice:
    """Names or paths of the networks; None where there is none.

    Parameters
    ----------
    model : str
        For everything but what the others are for.
    contrans, unet, swin : str or None
        One network of each kind, of the same training, for Fig. 9.
    from_4x, from_10x : str or None
        Trained on one objective alone, for Fig. 10.
    defocus_model, aperture_model : str or None
        Trained over the ranges of Fig. 11, of focus and of S.
    """

    model: str = DEFAULT_MODEL
    contrans: str | None = None
    unet: str | None = None
    swin: str | None = None
    from_4x: str | None = None
    from_10x: str | None = None
    defocus_model: str | None = None
    aperture_model: str | None = None

    def load(self) -> "LoadedNetworks":
        """Load all of them.

        Raises
        ------
        InputError
            If one is not there, is broken, or is of another kind than its place asks for.
        """
        given = {name: value for name, value in vars(self).items() if value is not None}
        loaded = {name: load_checkpoint(find_model(value)) for name, value in given.items()}
        bundled = {name: path for name, path in bundled_models().items() if name in SPECIALISTS}
        for name in COMPARED:
            if name in loaded and loaded[name].card.generator != name:
                kind = loaded[name].card.generator
                raise InputError(f"is a {kind} network, given as {name}: give a {name} network", source=given[name])
        special = {name: load_checkpoint(path) for name, path in bundled.items() if name != self.model}
        return LoadedNetworks(self, loaded, special)


@dataclass(frozen=True)
class LoadedNetworks:
    """The chosen networks, ready.

    Parameters
    ----------
    choice : NetworkChoice
        What was asked for.
    loaded : mapping
        By the fields of `choice`.
    special : mapping
        Bundled networks for one specimen.
    """

    choice: NetworkChoice
    loaded: Networks
    special: Networks

    @property
    def default(self) -> Networks:
        """The network for everything, by the name it was given."""
        return {self.choice.model: self.loaded["model"]}

    def for_cell(self, specimen: str, objective: str) -> Networks:
        """The default one, and what is bundled for that specimen alone and serves that objective."""
        serves = specimen in self.special and objective in SPECIALISTS[specimen]
        return {**self.default, **({specimen: self.special[specimen]} if serves else {})}

    def given(self, *names: str) -> Networks:
        """Those of the named fields that were given, by the field's name."""
        return {name: self.loaded[name] for name in names if name in self.loaded}

    def instead(self, name: str) -> tuple[str, LoadedModel]:
        """The network of a field, or the default one where none was given, and its name."""
        if name in self.loaded:
            return getattr(self.choice, name), self.loaded[name]
        return self.choice.model, self.loaded["model"]
