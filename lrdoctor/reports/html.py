"""The report for people with a browser: one file with everything in it, complete without scripts, styles or network."""

from __future__ import annotations

import base64
import codecs
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TextIO

from lrdoctor.model import Expected, Report

if TYPE_CHECKING:
    from jinja2 import Environment

SUFFIX = ".html"
CODES = "xmlcharrefreplace"
UPLOT = "uplot-1.6.32"
UPLOT_SCRIPT = f"_vendor/{UPLOT}/uPlot.iife.min.js"
LONGEST = 4000
"""Characters of one text: messages are whole sentences, but no log may fill the page."""


def write(report: Report, out: TextIO) -> None:
    """Write the whole report as one HTML page.

    Every text in it is escaped by the template engine and, before that, made one harmless line by `plain`. The page
    forbids itself (by a content security policy) every request, and every script and style but its own.
    """
    from markupsafe import Markup

    from lrdoctor.reports._page import page

    css, uplot, script = _ours("page.css", f"_vendor/{UPLOT}/uPlot.min.css"), _ours(UPLOT_SCRIPT), _ours("page.js")
    stream = (
        _environment()
        .get_template("page.html.j2")
        .stream(
            page=(told := page(report)),
            places={view.rule.id: view.place for view in told.rules},
            policy=_policy([css], [uplot, script]),
            css=Markup(css),  # noqa: S704 - our own files
            uplot=Markup(uplot),  # noqa: S704
            script=Markup(script),  # noqa: S704
        )
    )
    encoding = codecs.lookup(getattr(out, "encoding", None) or "utf-8").name
    # The page says that it is UTF-8; ASCII with references is that, too.
    out.writelines(stream if encoding == "utf-8" else (part.encode("ascii", CODES).decode() for part in stream))


@cache
def _environment() -> Environment:
    """Templates that escape everything, in which no text from a log can stay as it was written."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from lrdoctor.reports import _words
    from lrdoctor.reports._escape import plain
    from lrdoctor.reports._figure import LOOKS, SEVERITIES
    from lrdoctor.reports._overlay import look

    def harmless(value: Any) -> Any:
        return plain(value, LONGEST) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=PackageLoader("lrdoctor.reports", "_html"),
        autoescape=True,
        finalize=harmless,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {
        "number": _words.number,
        "sure": _words.sure,
        "in_words": _words.in_words,
        "banded": _banded,
        "looks": LOOKS,
        "colours": SEVERITIES,
        "look": lambda place: Markup(look(place)),  # noqa: S704 - made of constants
    }
    return environment


def _banded(expected: Expected) -> str:
    from lrdoctor.reports._words import number

    return f"{expected.metric} {number(expected.value)} (90% band {number(expected.low)} to {number(expected.high)})"


def _ours(*names: str) -> str:
    root = files("lrdoctor.reports")
    return "\n".join((root / (name if "/" in name else f"_html/{name}")).read_text("utf-8") for name in names)


def _policy(styles: list[str], scripts: list[str]) -> str:
    """Nothing from anywhere, and of what stands in the page only what has these checksums."""
    return (
        f"default-src 'none'; style-src {_sums(styles)}; script-src {_sums(scripts)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _sums(texts: list[str]) -> str:
    sums = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
    return " ".join(f"'sha256-{each}'" for each in sums)
