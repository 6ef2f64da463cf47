"""Features, or images, to classes."""

import os
import sys
import tempfile
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from headstart import _images, _native
from headstart._backbone import Backbone, featurize
from headstart._estimator import Estimator
from headstart._progress import Progress, observed
from headstart._types import Path, Rows
from headstart.errors import UsageError


class Evaluation(Dict[str, Any]):
    """Figures with 95 % intervals, as `headstart evaluate --json` has them: accuracy, loss, roc_auc, per_class and so on."""

    table: str = ""

    def __str__(self) -> str:
        return self.table or super().__str__()


@dataclass(frozen=True)
class Answer:
    """What was found for one image."""

    label: Any
    """Its most probable class."""
    probability: float
    """That class's probability, in [0, 1]."""
    probabilities: npt.NDArray[np.float32]
    """The probability of each class: classes, float32."""
    novelty: Optional[float]
    """How unlike the image is to those of the fit, in multiples of what it takes to be unknown; none if it is not known."""

    @property
    def is_unknown(self) -> bool:
        """Whether the image is unlike all that the classifier was fitted to: its class is then probably another one."""
        return self.novelty is not None and self.novelty > 1.0


class Classifier(Estimator):
    """A classifier of scikit-learn's shape: a logistic regression on standardized features, its strength chosen by
    cross-validation and its probabilities calibrated.

    It takes rows of features, N x values in float32, or N x channels x height x width. With a `backbone`, and where a loaded
    model says which network it needs, it takes images, too: paths or arrays of uint8.

    Parameters
    ----------
    backbone : Backbone, str or path, optional
        The network that makes features of images. A model that is fitted with it states it, so that the command predicts
        images with that model.
    strength : float, optional
        C, above 0, instead of the best by cross-validation.
    class_weight : "balanced" or dict, optional
        How much the rows of each class count.
    calibrate : bool
        Whether the probabilities are calibrated by held-out answers.
    unknown_share : float
        The share of rows of the known classes that may be refused as unknown, in [0, 1).
    seed : int
        The seed of folds and draws.
    progress : bool or function
        True for a bar, or a function of stage, done, total and unit.

    Attributes
    ----------
    classes_ : ndarray
        The classes, sorted. Of a loaded model these are names.
    n_features_in_ : int
        The values of a row.
    cross_validation_ : Evaluation
        How good such heads are on rows that they have not seen. After `fit` only.
    held_out_ : ndarray of float32
        N x classes: the answers that it judges. After `fit` only.
    """

    _estimator_type = "classifier"

    classes_: npt.NDArray[Any]
    cross_validation_: Evaluation
    held_out_: npt.NDArray[np.float32]

    _head: Optional[_native.Classifier] = None
    """The head, after `fit` or `load`."""
    _stated: Sequence[str] = ()
    """The names of the classes that it states."""
    _weights: Optional[Path] = None
    """The file of the network's weights that `load` was given."""
    _device: str = "auto"
    """Where the network runs that the head states."""
    _featurizer: Optional[_native.Featurizer] = None
    """That network, once it is opened."""
    _named: Optional[Backbone] = None
    """The network that `backbone` names, if it is no `Backbone` itself."""

    def __init__(
        self,
        *,
        backbone: Optional[Union[Backbone, Path]] = None,
        strength: Optional[float] = None,
        class_weight: Optional[Union[str, Mapping[Any, float]]] = None,
        calibrate: bool = True,
        unknown_share: float = 0.01,
        seed: int = 0,
        progress: Progress = False,
    ) -> None:
        self.backbone = backbone
        self.strength = strength
        self.class_weight = class_weight
        self.calibrate = calibrate
        self.unknown_share = unknown_share
        self.seed = seed
        self.progress = progress

    @classmethod
    def load(cls, path: Path, *, weights: Optional[Path] = None, device: str = "auto") -> "Classifier":
        """Reads a model of headstart, or a head of Keras.

        Parameters
        ----------
        path : path
            `.safetensors`, `.h5`, `.keras` or `.weights.h5`.
        weights : path, optional
            The weights that it was trained with, for images. Without them, they are taken from the model or the package, or
            looked for as the command does.
        device : str
            Where the network runs: "auto", "cpu" or "cuda:N".

        Raises
        ------
        MissingError, BadDataError
            A file that is not there, or that holds no head.
        """
        loaded = cls()._with(_native.Classifier.load(path), None)
        loaded._weights, loaded._device = weights, device
        return loaded

    def fit(self, X: Any, y: Sequence[Any], groups: Optional[Sequence[Any]] = None) -> "Classifier":
        """Fits the head.

        Parameters
        ----------
        X : rows or images
            N rows of features; images, if there is a `backbone`.
        y : sequence of N
            The class of each.
        groups : sequence of N, optional
            Rows of the same group stay on one side of every split.

        Raises
        ------
        UsageError, BadDataError
            Rows and classes that do not fit each other; fewer than two classes; NaN or infinity.
        """
        classes, numbers = np.unique(_labels(y), return_inverse=True)
        if groups is not None:
            groups = np.unique(np.asarray(groups), return_inverse=True)[1].tolist()
        with observed(self.progress) as told:
            rows = self._rows(X)
            native, figures, held_out = _native.Classifier.fit(
                rows,
                numbers.astype(np.uint32).tolist(),
                [str(name) for name in classes],
                groups,
                self._opened() if self.backbone is not None else None,
                {
                    "strength": self.strength,
                    "class_weight": weights_of(self.class_weight),
                    "unknown_share": self.unknown_share,
                    "calibrate": self.calibrate,
                    "seed": self.seed,
                },
                told,
            )
        self._with(native, classes)
        self.cross_validation_ = Evaluation(figures)
        self.held_out_ = held_out
        return self

    def predict_proba(self, X: Any) -> npt.NDArray[np.float32]:
        """The probability of each class: N x classes, float32, in the order of `classes_`.

        For images these are the bits of `headstart predict`.
        """
        return self._fitted().predict(self._rows(X), self._names())[0]

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The most probable class of each row or image, the first of equals: N, of the type of `classes_`."""
        best = np.argmax(self.predict_proba(X), axis=1)
        found: npt.NDArray[Any] = self.classes_[best]
        return found

    def answers(self, X: Any) -> List[Answer]:
        """An `Answer` for each row or image: its class, its probabilities, and whether it is of no class that is known."""
        probabilities, novelty = self._fitted().predict(self._rows(X), self._names())
        best = np.argmax(probabilities, axis=1)
        found = []
        for row, (label, each) in enumerate(zip(best, probabilities)):
            unlike = None if novelty is None else float(novelty[row])
            found.append(Answer(self.classes_[label], float(each[label]), each, unlike))
        return found

    def score(self, X: Any, y: Sequence[Any]) -> float:
        """The share of rows or images whose class is right."""
        return float(np.mean(self.predict(X) == np.asarray(y)))

    def evaluate(
        self, X: Any, y: Optional[Sequence[Any]] = None, *, resamples: int = 1000, seed: int = 0, strict: bool = False
    ) -> Evaluation:
        """How good it is, with 95 % intervals.

        Parameters
        ----------
        X : rows, images, or the path of a `.npy` with a manifest
            A path needs no `y`.
        y : sequence of N, optional
            The class of each row.
        resamples : int
            Draws for the intervals; 0 leaves them out.
        seed : int
            The seed of the draws.
        strict : bool
            Fails where images of the `.npy` were trained on, instead of telling it.

        Raises
        ------
        UsageError, BadDataError
            Features that it was not trained for; a class that it does not have.
        """
        if y is None:
            if not isinstance(X, (str, os.PathLike)):
                raise UsageError("y: expected a class for each row, found none")
            found, table = self._fitted().evaluate_file(X, resamples, seed, strict)
        else:
            labels = self._numbers(y)
            found, table = self._fitted().evaluate(self._rows(X), labels, resamples, seed)
        evaluation = Evaluation(found)
        evaluation.table = table
        return evaluation

    def save(self, path: Path, *, overwrite: bool = False, bundle: bool = False) -> None:
        """Writes the model: `.safetensors`, `.h5` for every Keras, or `.weights.h5` for Keras 3.

        Parameters
        ----------
        path : path
            The file. One that is there is not replaced, unless `overwrite` is true.
        bundle : bool
            Puts the network's weights into a `.safetensors`.
        """
        self._fitted().save(path, overwrite, self._opened() if bundle else None)

    @property
    def record(self) -> Optional[Dict[str, Any]]:
        """What the model says of its fitting: the strength, the folds, the estimate; none if it does not."""
        return self._fitted().record()

    @property
    def n_features_in_(self) -> int:
        """The values of a row."""
        return int(np.prod(self._fitted().row_shape))

    def _with(self, native: _native.Classifier, classes: Optional[npt.NDArray[Any]]) -> "Classifier":
        """Takes a head. Without `classes` they are the names that its file states."""
        self._head, self._featurizer, self._stated = native, None, native.classes
        self.classes_ = np.array(self._stated) if classes is None else classes
        return self

    def _fitted(self) -> _native.Classifier:
        if self._head is None:
            raise _not_fitted()
        return self._head

    def _names(self) -> Optional[List[str]]:
        """Names for a model that does not state them: numbers."""
        if self._stated:
            return None
        if len(self.classes_) == 0:
            raise UsageError("classes: the model does not name its classes; set classes_ first")
        return [str(name) for name in self.classes_]

    def _numbers(self, y: Sequence[Any]) -> List[int]:
        """The position of each class in `classes_`."""
        numbers = {name: number for number, name in enumerate(self.classes_.tolist())}
        known = ", ".join(map(str, numbers))
        try:
            return [numbers[name] for name in np.asarray(y).tolist()]
        except KeyError as unknown:
            raise UsageError(f"y: expected a class of {known}, found {unknown.args[0]}") from None

    def _rows(self, X: Any) -> Rows:
        """Rows of features, which images become by the network."""
        if hasattr(X, "toarray"):
            raise UsageError("X: expected an array, found a sparse matrix; its method toarray makes it one")
        if _images.are_images(X):
            return featurize(self._opened(), X, "raise", self.progress)
        rows = np.asarray(X)
        if rows.dtype.kind == "c":
            raise UsageError("X: Complex data not supported: expected real numbers")
        # A contiguous array of float32 is not copied.
        return np.ascontiguousarray(rows, dtype=np.float32)

    def _opened(self) -> _native.Featurizer:
        """The network: that of the parameter, or that which the model states."""
        if isinstance(self.backbone, Backbone):
            return self.backbone._opened()
        if self.backbone is not None:
            if self._named is None or self._named.network != self.backbone:
                self._named = Backbone(self.backbone)
            return self._named._opened()
        if self._head is None:
            raise UsageError("backbone: expected one for images, found none; give it or rows of features")
        if self._featurizer is None:
            self._featurizer = self._head.featurizer(self._weights, None, self._device)
        return self._featurizer

    def __getstate__(self) -> Dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name not in _OPENED}
        if self._head is not None:
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "model.safetensors")
                self._head.save(path, False, None)
                with open(path, "rb") as file:
                    state["_file"] = file.read()
        return state

    def __setstate__(self, state: Dict[str, Any]) -> None:
        file = state.pop("_file", None)
        self.__dict__.update(state)
        if file is not None:
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "model.safetensors")
                with open(path, "wb") as written:
                    written.write(file)
                self._head = _native.Classifier.load(path)

    def __sklearn_is_fitted__(self) -> bool:
        return self._head is not None


_OPENED = ("_head", "_featurizer", "_named")


def _labels(y: Sequence[Any]) -> npt.NDArray[Any]:
    """The class of each row."""
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise UsageError(f"y: expected a class for each row, found an array of shape {labels.shape}")
    if labels.dtype.kind == "f" and np.any(labels != np.round(labels)):
        raise UsageError("y: expected classes, found continuous values")
    return labels


def weights_of(given: Optional[Union[str, Mapping[Any, float]]]) -> Optional[Union[str, List[Tuple[str, float]]]]:
    """The weights of classes as the native module takes them."""
    if given is None or isinstance(given, str):
        return given
    return [(str(name), float(weight)) for name, weight in given.items()]


def _not_fitted() -> Exception:
    """scikit-learn's own exception in a program that uses it."""
    text = "this Classifier is not fitted yet; call fit or load first"
    exceptions = sys.modules.get("sklearn.exceptions")
    return exceptions.NotFittedError(text) if exceptions else UsageError(text)
