"""The native module. The package's other files call it; programs should call these."""

from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from headstart._types import Path, Rows, Tell

def run_command(arguments: Sequence[str]) -> int: ...
def set_threads(threads: int) -> None:
    """Sets the number of threads of all jobs. It can be set once, before the first job."""

def shipped_networks() -> List[str]:
    """The names of the networks whose weights are in the package."""

def version() -> str: ...
def extract_folder(
    featurizer: Featurizer,
    folder: Path,
    output: Path,
    shard: Optional[str],
    strict: bool,
    fresh: bool,
    follow_links: bool,
    progress: Optional[Tell],
) -> Dict[str, Any]: ...
def fit_folder(
    featurizer: Featurizer, folder: Path, output: Path, settings: Dict[str, Any], progress: Optional[Tell]
) -> Tuple[Classifier, Dict[str, Any]]: ...
def merge(parts: Sequence[Path], output: Path, fresh: bool, progress: Optional[Tell]) -> Dict[str, Any]: ...
def read_manifest(
    features: Path,
) -> Tuple[Dict[str, Any], Tuple[List[str], List[int], List[str], List[Tuple[str, int, str]]]]: ...

class Featurizer:
    def __new__(
        cls,
        network: str,
        weights: Optional[Path],
        input: Dict[str, Any],
        pool: Optional[str],
        batch_size: Optional[int],
        device: str,
    ) -> Featurizer: ...
    def files(self, paths: Sequence[Path], strict: bool, progress: Optional[Tell]) -> Rows: ...
    def batch(self, images: npt.NDArray[np.uint8], progress: Optional[Tell]) -> Rows: ...
    def arrays(self, images: Sequence[npt.NDArray[np.uint8]], progress: Optional[Tell]) -> Rows: ...
    @property
    def row_shape(self) -> List[int]: ...
    @property
    def network(self) -> str: ...
    def input(self) -> Dict[str, Any]: ...
    def fingerprint(self) -> str: ...

class Classifier:
    @staticmethod
    def load(path: Path) -> Classifier: ...
    @staticmethod
    def fit(
        rows: Rows,
        labels: Sequence[int],
        classes: Sequence[str],
        groups: Optional[Sequence[int]],
        featurizer: Optional[Featurizer],
        settings: Dict[str, Any],
        progress: Optional[Tell],
    ) -> Tuple[Classifier, Dict[str, Any], npt.NDArray[np.float32]]: ...
    def predict(
        self, rows: Rows, classes: Optional[Sequence[str]]
    ) -> Tuple[npt.NDArray[np.float32], Optional[npt.NDArray[np.float32]]]: ...
    def evaluate(
        self, rows: Rows, labels: Sequence[int], resamples: int, seed: int
    ) -> Tuple[Dict[str, Any], str]: ...
    def evaluate_file(
        self, features: Path, resamples: int, seed: int, strict: bool
    ) -> Tuple[Dict[str, Any], str]: ...
    def save(self, path: Path, overwrite: bool, bundle: Optional[Featurizer]) -> None: ...
    def featurizer(self, weights: Optional[Path], batch_size: Optional[int], device: str) -> Featurizer: ...
    def featurizer_with(self, featurizer: Featurizer) -> Featurizer: ...
    @property
    def classes(self) -> List[str]: ...
    @property
    def row_shape(self) -> List[int]: ...
    def record(self) -> Optional[Dict[str, Any]]: ...
