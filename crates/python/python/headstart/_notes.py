"""What a person should know of a job: the logger `headstart`."""

import logging

LOGGER = logging.getLogger("headstart")


def tell(text: str) -> None:
    """Logs a note; one that says so as a warning."""
    kind, _, rest = text.partition(": ")
    if kind == "warning":
        LOGGER.warning("%s", rest)
    elif text.startswith("skipped "):
        LOGGER.warning("%s", text)
    else:
        LOGGER.info("%s", text)
