"""Choose the networks for each part."""

from collections.abc import Mapping
from dataclasses import dataclass

from napari_contransgan.errors import InputError
from napari_contransgan.models.bundled import DEFAULT_MODEL, ONE_SPECIMEN, bundled_models, find_model
from napari_contransgan.models.checkpoint import LoadedModel, load_checkpoint

Networks = Mapping[str, LoadedModel]

COMPARED = ("contrans", "unet", "swin")


@dataclass(frozen=True)
class NetworkChoice:
    """Names or paths of the networks; None if there is none.

    Parameters
    ----------
    model : str
        Default network, for all parts without a special one.
    contrans, unet, swin : str or None
        One network of each kind with the same training, for Fig. 9.
    from_4x, from_10x : str or None
        Networks trained on one objective only, for Fig. 10.
    defocus_model, aperture_model : str or None
        Networks trained over the ranges of focus and S in Fig. 11.
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
        """Load all networks.

        Raises
        ------
        InputError
            If a network is missing, cannot be read, or is of the wrong kind.
        """
        given = {name: value for name, value in vars(self).items() if value is not None}
        loaded = {name: load_checkpoint(find_model(value)) for name, value in given.items()}
        bundled = {name: path for name, path in bundled_models().items() if name in ONE_SPECIMEN}
        for name in COMPARED:
            if name in loaded and loaded[name].card.generator != name:
                kind = loaded[name].card.generator
                raise InputError(
                    f"is a {kind} network but was given as {name}: give a {name} network", source=given[name]
                )
        special = {name: load_checkpoint(path) for name, path in bundled.items() if name != self.model}
        return LoadedNetworks(self, loaded, special)


@dataclass(frozen=True)
class LoadedNetworks:
    """The chosen networks, loaded.

    Parameters
    ----------
    choice : NetworkChoice
        The names or paths.
    loaded : mapping
        Networks by the fields of `choice`.
    special : mapping
        Bundled networks for one specimen.
    """

    choice: NetworkChoice
    loaded: Networks
    special: Networks

    @property
    def default(self) -> Networks:
        """Return the default network, by the name it was given."""
        return {self.choice.model: self.loaded["model"]}

    def for_specimen(self, specimen: str) -> Networks:
        """Return the default network, and the bundled network for this specimen alone."""
        return {**self.default, **{name: network for name, network in self.special.items() if name == specimen}}

    def given(self, *names: str) -> Networks:
        """Return those networks of the named fields that were given, by field name."""
        return {name: self.loaded[name] for name in names if name in self.loaded}

    def instead(self, name: str) -> tuple[str, LoadedModel]:
        """Return the network of a field, or the default one if none was given, and its name."""
        if name in self.loaded:
            return getattr(self.choice, name), self.loaded[name]
        return self.choice.model, self.loaded["model"]
