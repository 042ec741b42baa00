"""All benchmarks one after the other, with the load of the machine before each.

python -m tests.bench [name ...]
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# In the order of docs/performance.md. The soak of half an hour is run by its own name.
NAMES = [
    "events",
    "recording",
    "browser_answers",
    "compare",
    "concurrent_users",
    "memory",
    "cold_start",
    "token_cpu",
    "markdown",
    "hostile_page",
    "page_speed",
    "history_length",
    "heavy_user",
    "attachments",
    "replay",
    "storage",
]


def main() -> None:
    names = sys.argv[1:] or NAMES
    known = {path.stem for path in Path(__file__).parent.glob("*.py")}
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join([*NAMES, 'soak'])}")
    failed = []
    for name in names:
        print(f"\n## {name}, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n", flush=True)
        if subprocess.run([sys.executable, "-m", f"tests.bench.{name}"], check=False).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
