"""From images to features to a classifier, computed by the Rust library headstart.

    import headstart

    features = headstart.extract(["a.jpg", "b.jpg"])        # numpy, 2 x 1280, float32

    classifier = headstart.fit("photos", "model.safetensors").classifier
    classifier.predict(["new.jpg"])                         # array(['cats'])

`Backbone` and `Classifier` have the shapes of scikit-learn's transformers and classifiers, and go into its `Pipeline`.
Long jobs release the interpreter's lock and end at Ctrl-C. `progress=True` shows a bar; a function is called with the
stage, how much is done, how much there is to do, and what is counted.
"""

from headstart._backbone import Backbone, extract
from headstart._classifier import Answer, Classifier, Evaluation
from headstart._folder import Fitted, extract_folder, fit, merge
from headstart._manifest import Manifest, Skipped, read_manifest
from headstart._native import set_threads, shipped_networks
from headstart._native import version as _version
from headstart.errors import (
    BadDataError,
    HeadstartError,
    InternalError,
    MissingError,
    ResourceError,
    UsageError,
)

__version__ = _version()

__all__ = [
    "Answer",
    "Backbone",
    "BadDataError",
    "Classifier",
    "Evaluation",
    "Fitted",
    "HeadstartError",
    "InternalError",
    "Manifest",
    "MissingError",
    "ResourceError",
    "Skipped",
    "UsageError",
    "__version__",
    "extract",
    "extract_folder",
    "fit",
    "merge",
    "read_manifest",
    "set_threads",
    "shipped_networks",
]
