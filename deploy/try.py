"""Three replicas, nginx and a Postgres on this machine, to click through: python deploy/try.py

It needs what requirements-dev.txt names, and nginx. With DEERAPI_API_KEY set, the replicas use that gateway,
else the demo's. Kill one of the replicas that it names, and see what becomes of the page.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.fleet import Fleet  # noqa: E402  the folder above has to be known first

DRAIN_SECONDS = "20"


def main() -> None:
    """Run until Ctrl-C or SIGTERM, and take everything down again."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ours = {name: value for name, value in os.environ.items() if name.startswith(("DEERAPI_", "ANTLER_"))}
    with tempfile.TemporaryDirectory(prefix="antler-") as folder:
        # Postgres and nginx's workers may run as somebody else.
        Path(folder).chmod(0o755)
        with Fleet(Path(folder), {"ANTLER_DRAIN_SECONDS": DRAIN_SECONDS, **ours}) as fleet:
            print(f"\n  Antler is at {fleet.url}\n")
            for replica in fleet.replicas:
                print(f"  a replica: {replica.url}  kill {replica.pid}  (log: {replica.log})")
            print("\n  Ctrl-C ends all of it.", flush=True)
            try:
                signal.pause()
            except (KeyboardInterrupt, SystemExit):
                # Once is enough: nothing may be left behind.
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                print("\n  Ending.")


if __name__ == "__main__":
    main()
