"""What known loggers say in their own way, put so that the general reader understands it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lrdoctor.parsers import _text_ultralytics
from lrdoctor.parsers._damage import Damage
from lrdoctor.parsers._text_huggingface import with_steps
from lrdoctor.parsers._text_keras import finished_epochs
from lrdoctor.parsers._text_megatron import with_gaps
from lrdoctor.parsers._text_tables import Table


def tidied(found: Sequence[Table], plan: Mapping[str, int], damage: Damage) -> list[Table]:
    """The tables of a log, whoever wrote them."""
    return with_gaps(with_steps(finished_epochs(_text_ultralytics.finished_epochs(found)), plan), damage)
