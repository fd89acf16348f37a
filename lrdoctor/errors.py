"""The exceptions that lrdoctor raises on purpose.

    LrdoctorError            expected trouble: the command line prints it in one line each and exits 2
    ├── LogError             a log that cannot be used; names the file
    │   └── NotALog          a file that looked like a log by its name, and is something else
    ├── RuleError            every mistake of a rule file, one line each
    ├── ConfigError          every mistake of a configuration file, one line each
    ├── PluginError          an extension that will not load, or a name taken twice
    └── ThresholdError       `Report.raise_if` found something

Anything else that escapes is a bug of ours: exit 3. Trouble inside a log that can still be used is no exception but an
`Incident` or a note, and appears in every report.
"""

from __future__ import annotations

from collections.abc import Sequence


class LrdoctorError(Exception):
    """Expected trouble: one line per problem, each naming its file."""

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class LogError(LrdoctorError):
    """A log that cannot be used: what is wrong with it, without the path, which the caller knows."""


class NotALog(LogError):
    """A file that is no training log at all: trouble where the user named it, no matter where a walk came across it."""


class RuleError(LrdoctorError):
    """All mistakes of the rule files, one line each: `LRD101-….toml: when.0.where: unknown name …`."""


class ConfigError(LrdoctorError):
    """All mistakes of a configuration file, one line each."""


class PluginError(LrdoctorError):
    """An extension that will not load, or two with one name; names the distribution."""


class ThresholdError(LrdoctorError, AssertionError):
    """Advice at or above the wanted severity; an `AssertionError`, so that pytest shows it as a failed test."""
