"""The browser of the machine."""

from __future__ import annotations

import os
import shutil

ARGUMENTS = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    # The sandbox needs a user other than root.
    *(["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []),
]


def find() -> str | None:
    """Where Chromium is, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((found for name in names if (found := shutil.which(name))), None)
