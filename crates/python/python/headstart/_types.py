"""Types that several files state."""

import os
from typing import Callable, Union

import numpy as np
import numpy.typing as npt

Path = Union[str, "os.PathLike[str]"]
"""A file or a folder."""

Rows = npt.NDArray[np.float32]
"""A row for each image: N x values, or N x channels x height x width."""

Tell = Callable[[str, int, int, str], object]
"""A function of the stage, how much is done, how much there is to do, and what is counted."""
