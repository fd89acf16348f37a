"""The optional accelerator of the event-file reader; everything else about the package stands in pyproject.toml.

Where it cannot be compiled the install goes on without it, and the reader in Python takes its place.
"""

import sys

from setuptools import Extension, setup

ACCELERATOR = Extension("lrdoctor.parsers._events", ["lrdoctor/parsers/_events.c"], py_limited_api=True, optional=True)

setup(
    ext_modules=[] if sys.platform == "win32" else [ACCELERATOR],
    # One wheel for Python 3.11 and all later ones.
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
