"""The fake gateway as a process: `python -m tests.fake_gateway --port-file FILE [--pace 20]`."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from tests.fake_gateway.server import DEFAULT_PACE, FakeGateway


def main() -> None:
    """Serve until SIGTERM or SIGINT; the port is written to the file once requests are accepted."""
    parser = argparse.ArgumentParser(prog="python -m tests.fake_gateway", description=__doc__)
    parser.add_argument("--port-file", type=Path, help="file to write the port number to")
    parser.add_argument("--pace", type=float, default=DEFAULT_PACE, help="factor that divides every delay")
    options = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with FakeGateway(options.pace) as gateway:
        print(gateway.url, flush=True)
        if options.port_file:
            # A rename, so that a reader never sees half of the number.
            draft = options.port_file.with_suffix(".draft")
            draft.write_text(gateway.url.rpartition(":")[2])
            draft.replace(options.port_file)
        stopped.wait()


if __name__ == "__main__":
    main()
