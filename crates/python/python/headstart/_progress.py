"""Progress bars."""

import sys
import time
from contextlib import contextmanager
from typing import Any, Iterator, Optional, Union

from headstart._types import Tell

Progress = Union[bool, Tell]
"""True for a bar on standard error, or a function that is told."""


class Bar:
    """A bar of tqdm where it is installed, else a line that is written over."""

    def __init__(self) -> None:
        self.stage: Optional[str] = None
        self.bar: Any = None
        self.started = self.shown = 0.0

    def __call__(self, stage: str, done: int, total: int, unit: str) -> None:
        if stage != self.stage:
            self.close()
            self.stage = stage
            self.started = time.monotonic()
            self.bar = _tqdm(stage, total, unit)
        if self.bar is not None:
            self.bar.total = total
            self.bar.update(done - self.bar.n)
            return
        now = time.monotonic()
        if done == total or now - self.shown > 0.2:
            self.shown = now
            rate = done / max(now - self.started, 1e-9)
            sys.stderr.write(f"\r{stage}: {done}/{total} {unit}, {rate:.1f}/s ")
            sys.stderr.flush()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
        elif self.stage is not None:
            sys.stderr.write("\n")


def _tqdm(stage: str, total: int, unit: str) -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm(desc=stage, total=total, unit=f" {unit}")


@contextmanager
def observed(progress: Progress) -> Iterator[Optional[Tell]]:
    """The function that a job calls, if there is one."""
    if progress is True:
        bar = Bar()
        try:
            yield bar
        finally:
            bar.close()
    else:
        yield progress or None
