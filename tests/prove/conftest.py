from __future__ import annotations

import os
from pathlib import Path


def alive(pid: int) -> bool:
    """Whether this process runs; one that is dead and waits for somebody to notice does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except OSError:  # no /proc here
        return True
