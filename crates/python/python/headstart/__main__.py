"""The command `headstart`."""

import signal
import sys

from headstart._native import run_command


def main() -> None:
    """Runs the command that the arguments name, as the binary does."""
    # As in the binary: a command ends at Ctrl-C, or asks for the signals itself.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(run_command(["headstart", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
