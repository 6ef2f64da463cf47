"""Jobs on whole folders. Their results are files, which the command reads and writes, too."""

import os
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple, Union

from headstart import _native
from headstart._backbone import DEFAULT_NETWORK, Backbone, backbone_of
from headstart._classifier import Classifier, Evaluation, weights_of
from headstart._progress import Progress, observed
from headstart._types import Path


def extract_folder(
    folder: Path,
    output: Path,
    *,
    backbone: Union[Backbone, Path] = DEFAULT_NETWORK,
    shard: Optional[Union[Tuple[int, int], str]] = None,
    strict: bool = False,
    fresh: bool = False,
    follow_links: bool = False,
    progress: Progress = False,
) -> Dict[str, Any]:
    """Computes the features of a folder of classes, as `headstart extract` does, to the byte.

    An interrupted job goes on from the last batch when it is called again. What was computed is not computed again.

    Parameters
    ----------
    folder : path
        The images: a folder for each class.
    output : path
        The `.npy` to write. The manifest gets the same name with the suffix `.jsonl`.
    backbone : Backbone, str or path
        A network with its settings, its name, or the file of its weights.
    shard : (int, int) or str, optional
        Index, from 0, and number of the shards of which this is one; or what `--shard` takes, such as "auto". `merge` puts
        shards together.
    strict : bool
        Fails at the first image that can't be read. Otherwise it is skipped, and listed in the manifest.
    fresh : bool
        Replaces what is at the output, instead of using its rows again.
    follow_links : bool
        Follows symbolic links.
    progress : bool or function
        True for a bar, or a function of stage, done, total and unit.

    Returns
    -------
    dict
        npy, manifest: the files; rows, computed, kept, dropped: numbers of rows; skipped: the number of images that could not be
        read, and skipped_images: a path and a reason for each.

    Raises
    ------
    UsageError, BadDataError, MissingError, ResourceError
        A folder, weights, a setting or an output that can't be used; with `strict`, an image.
    """
    if shard is not None and not isinstance(shard, str):
        index, count = shard
        shard = f"{index}/{count}"
    with observed(progress) as told:
        return _native.extract_folder(
            backbone_of(backbone)._opened(), folder, output, shard, strict, fresh, follow_links, told
        )


def merge(
    parts: Sequence[Path], output: Path, *, fresh: bool = False, progress: Progress = False
) -> Dict[str, Any]:
    """Puts the shards of a folder together. The result is that of one run over the whole folder, to the byte.

    Parameters
    ----------
    parts : sequence of paths
        The `.npy` of every shard, in any order.
    output : path
        The `.npy` to write, with its manifest.
    fresh : bool
        Replaces what is at the output.
    progress : bool or function
        True for a bar, or a function of stage, done, total and unit.

    Returns
    -------
    dict
        As `extract_folder`, without the skipped images: `read_manifest` has them.

    Raises
    ------
    BadDataError
        A file that is no shard or is damaged; shards of other folders or made in other ways; a shard that is missing.
    """
    with observed(progress) as told:
        return _native.merge([os.fspath(part) for part in parts], output, fresh, told)


@dataclass(frozen=True)
class Fitted:
    """What `fit` made, and how good it is."""

    classifier: Classifier
    """The classifier, fitted to all images but those of a test."""
    cross_validation: Evaluation
    """All images that were trained on, each judged by a head that had not seen it."""
    test: Optional[Evaluation]
    """The images of the test, judged by the classifier."""
    report: Dict[str, Any]
    """All else that `headstart fit --json` tells: the strength, the learning curve, likely label errors, near-duplicates."""


def fit(
    folder: Path,
    output: Path,
    *,
    backbone: Union[Backbone, Path] = DEFAULT_NETWORK,
    test: Optional[Union[Path, float]] = None,
    group_by: Optional[str] = None,
    groups: Optional[Path] = None,
    near_duplicates: float = 0.15,
    class_weight: Optional[Union[str, Mapping[str, float]]] = None,
    unknown_share: float = 0.01,
    recipe: str = "logistic",
    calibrate: Optional[bool] = None,
    seed: int = 0,
    strict: bool = False,
    fresh: bool = False,
    bundle: Optional[bool] = None,
    follow_links: bool = False,
    progress: Progress = False,
) -> Fitted:
    """Makes a classifier of a folder of images, and says how good it is on images that it has not seen.

    Parameters
    ----------
    folder : path
        The images: a folder for each class.
    output : path
        The model to write: `.safetensors`, or `.h5` and `.weights.h5` for Keras. The features are kept beside it.
    backbone : Backbone, str or path
        A network with its settings, its name, or the file of its weights.
    test : path or float, optional
        Another folder to measure on, or the share of the images, in (0, 1), that no head is trained on.
    group_by : str, optional
        A regular expression: images whose paths agree in its first group stay on one side of every split.
    groups : path, optional
        A table with the columns `path` and `group`, to the same end.
    near_duplicates : float
        Images whose features are within this cosine distance, 0 to 2, stay together.
    class_weight : "balanced" or dict, optional
        How much the rows of each class count.
    unknown_share : float
        The share of images of the known classes that may be refused as unknown, in [0, 1).
    recipe : {"logistic", "mlp", "blog"}
        What kind of head is made.
    calibrate : bool, optional
        Whether the probabilities are calibrated. By default they are, except with the blog's recipe.
    seed : int
        The seed of folds and draws.
    strict : bool
        Fails at an image that can't be read, and at images that are in both folders.
    fresh : bool
        Replaces the features and any model that is there.
    bundle : bool, optional
        Puts the network's weights into the model, so that it is all that a prediction needs. By default into a
        `.safetensors`; Keras's files have no place for them.
    follow_links : bool
        Follows symbolic links.
    progress : bool or function
        True for a bar, or a function of stage, done, total and unit.

    Raises
    ------
    UsageError, BadDataError, MissingError, ResourceError
        A folder, weights, a setting or an output that can't be used.
    """
    settings = {
        "test": test if test is None or isinstance(test, float) else os.fspath(test),
        "group_by": group_by,
        "groups": groups,
        "near_duplicates": near_duplicates,
        "class_weight": weights_of(class_weight),
        "unknown_share": unknown_share,
        "recipe": recipe,
        "calibrate": calibrate,
        "seed": seed,
        "strict": strict,
        "fresh": fresh,
        "bundle": os.fspath(output).lower().endswith(".safetensors") if bundle is None else bundle,
        "follow_links": follow_links,
    }
    opened = backbone_of(backbone)
    with observed(progress) as told:
        native, report = _native.fit_folder(opened._opened(), folder, output, settings, told)
    figures = Evaluation(report.pop("cross_validation_figures"))
    tested = report.pop("test_figures")
    classifier = Classifier()._with(native, None)
    classifier._featurizer = native.featurizer_with(opened._opened())
    return Fitted(classifier, figures, tested and Evaluation(tested), report)
