"""What can go wrong. The text names the file, what was expected, what was found, and what to do."""


class HeadstartError(Exception):
    """Any failure of headstart."""


class UsageError(HeadstartError, ValueError):
    """Something was asked for that can't be done: a setting out of range, settings that exclude each other."""


class BadDataError(HeadstartError, ValueError):
    """A file, a folder or an array holds something else than it must. To try again does not help."""


class MissingError(HeadstartError, FileNotFoundError):
    """A file or a folder is not there."""


class ResourceError(HeadstartError, OSError):
    """The system refused: space, memory, permissions, a device, a name that is taken."""


class InternalError(HeadstartError, RuntimeError):
    """A bug of headstart."""
