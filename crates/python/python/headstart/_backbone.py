"""Images to features."""

import os
from typing import Any, Dict, Optional, Tuple, Union

import numpy as np
import numpy.typing as npt

from headstart import _images
from headstart._estimator import Estimator
from headstart._images import Images
from headstart._native import Featurizer
from headstart._progress import Progress, observed
from headstart._types import Path, Rows
from headstart.errors import UsageError

DEFAULT_NETWORK = "efficientnet_lite2"


class Backbone(Estimator):
    """A pretrained network as a transformer of scikit-learn: images in, features out. `fit` learns nothing.

    It is opened when it is first needed, and kept until a parameter changes.

    Parameters
    ----------
    network : str or path
        The name of a network, such as "efficientnet_lite2", whose weights are in the package, or the file of a network's
        weights. Weights of other networks are looked for as the command does: where HEADSTART_WEIGHTS says, then in the
        user's data folder.
    weights : path, optional
        The file of the weights of the named network.
    preset : str, optional
        The constants of the input: "blog", "caffe", "torchvision", "inception" and so on. Without it, those that the weights
        were trained for.
    size : (int, int), optional
        Height and width of the input in pixels.
    resize : {"stretch", "crop", "pad"}, optional
        How an image of another shape is brought to the size.
    crop_pct : float, optional
        The share of the shorter side that a crop keeps, in (0, 1].
    interpolation : {"nearest", "bilinear", "bicubic", "lanczos"}, optional
        How it is resized.
    mirror : bool
        Averages the features of each image and of its mirror image.
    pool : {"none", "avg", "max"}, optional
        What becomes of the network's maps.
    batch_size : int, optional
        Images that are computed at a time. No value depends on it.
    device : str
        "auto", "cpu" or "cuda:N".
    unreadable : {"raise", "nan"}
        Whether an image that can't be read raises `BadDataError`, or has a row of NaN.
    progress : bool or function
        True for a bar, or a function of stage, done, total and unit.

    Raises
    ------
    UsageError, BadDataError, MissingError
        When it is opened: a setting, a name or a file that can't be used.
    """

    _estimator_type = "transformer"

    _kept: Optional[Tuple[Tuple[Any, ...], Featurizer]] = None
    """The network that was opened last, after the settings that it was opened with."""

    def __init__(
        self,
        network: Path = DEFAULT_NETWORK,
        *,
        weights: Optional[Path] = None,
        preset: Optional[str] = None,
        size: Optional[Tuple[int, int]] = None,
        resize: Optional[str] = None,
        crop_pct: Optional[float] = None,
        interpolation: Optional[str] = None,
        mirror: bool = False,
        pool: Optional[str] = None,
        batch_size: Optional[int] = None,
        device: str = "auto",
        unreadable: str = "raise",
        progress: Progress = False,
    ) -> None:
        self.network = network
        self.weights = weights
        self.preset = preset
        self.size = size
        self.resize = resize
        self.crop_pct = crop_pct
        self.interpolation = interpolation
        self.mirror = mirror
        self.pool = pool
        self.batch_size = batch_size
        self.device = device
        self.unreadable = unreadable
        self.progress = progress

    def fit(self, X: Any = None, y: Any = None) -> "Backbone":
        """Opens the network. Nothing is learned of the images."""
        self._opened()
        return self

    def transform(self, X: Images) -> Rows:
        """The features of images.

        Parameters
        ----------
        X : images
            Paths, or arrays of uint8: N x height x width x 3, or a sequence of height x width x 3.

        Returns
        -------
        ndarray of float32
            N x channels, or N x channels x height x width where `pool` is "none". The bits are those of
            `headstart extract` for as many images.

        Raises
        ------
        BadDataError
            An image that can't be read, unless `unreadable` is "nan".
        """
        return featurize(self._opened(), X, self.unreadable, self.progress)

    def fit_transform(self, X: Images, y: Any = None) -> Rows:
        """`fit`, then `transform`."""
        return self.fit().transform(X)

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """A name for each value of a row: "efficientnet_lite2_0" and so on."""
        opened = self._opened()
        count = int(np.prod(opened.row_shape))
        return np.array([f"{opened.network}_{index}" for index in range(count)], dtype=object)

    @property
    def row_shape(self) -> Tuple[int, ...]:
        """The shape of a row of features: (channels,), or (channels, height, width)."""
        return tuple(self._opened().row_shape)

    @property
    def preprocessing(self) -> Dict[str, Any]:
        """How an image becomes the network's input, as manifests and models state it."""
        return self._opened().input()

    @property
    def fingerprint(self) -> str:
        """The hash of all that the features depend on, as in manifests."""
        return self._opened().fingerprint()

    def _opened(self) -> Featurizer:
        if self.unreadable not in ("raise", "nan"):
            raise UsageError(f"unreadable: expected raise or nan, found {self.unreadable}")
        names = ("preset", "size", "resize", "crop_pct", "interpolation", "mirror")
        settings = (
            os.fspath(self.network),
            self.weights,
            {name: getattr(self, name) for name in names},
            self.pool,
            self.batch_size,
            self.device,
        )
        if self._kept is None or self._kept[0] != settings:
            self._kept = settings, Featurizer(*settings)
        return self._kept[1]

    def __getstate__(self) -> Dict[str, Any]:
        # It is opened again where it is needed.
        return {name: value for name, value in self.__dict__.items() if name != "_kept"}

    def __sklearn_is_fitted__(self) -> bool:
        return True


def featurize(opened: Featurizer, images: Images, unreadable: str, progress: Progress) -> Rows:
    """The features of images, with a row of NaN for one that can't be read, if that is wanted."""
    kind, listed = _images.sorted_out(images)
    with observed(progress) as told:
        if kind == "files":
            return opened.files(listed, unreadable != "nan", told)
        if kind == "batch":
            return opened.batch(listed, told)
        return opened.arrays(listed, told)


def backbone_of(backbone: Union[Backbone, Path]) -> Backbone:
    """A backbone that may be given by its name or file."""
    return backbone if isinstance(backbone, Backbone) else Backbone(backbone)


def extract(
    images: Images,
    backbone: Union[Backbone, Path] = DEFAULT_NETWORK,
    **settings: Any,
) -> Rows:
    """The features of images.

    Parameters
    ----------
    images : images
        Paths, folders, or arrays of uint8: N x height x width x 3, or a sequence of height x width x 3.
    backbone : Backbone, str or path
        A network, its name, or the file of its weights.
    **settings
        What `Backbone` takes, where only a name or a file is given.

    Returns
    -------
    ndarray of float32
        N x channels, or N x channels x height x width where `pool` is "none".

    Raises
    ------
    UsageError, BadDataError, MissingError
        As `Backbone` and `Backbone.transform`.
    """
    if not isinstance(backbone, Backbone):
        return Backbone(backbone, **settings).transform(images)
    if settings:
        names = ", ".join(settings)
        raise UsageError(f"{names}: the Backbone has its own settings; give these to it")
    return backbone.transform(images)
