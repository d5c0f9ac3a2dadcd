"""Entry point of a credential process: `python -m azjobs._main.credential FD`; FD is the channel to the daemon."""

import socket
import sys

from azjobs.process.credential_host import serve


def main() -> None:
    """Be the credential that the daemon sends."""
    serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
