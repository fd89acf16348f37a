"""YOLO's rows: below a line of names, drawn again by a progress bar with every batch.

`Epoch GPU_mem box_loss cls_loss dfl_loss Instances Size` stands above `1/60 2.5G 1.2 2.3 1.1 12 640: 100%|#| 8/8`. The
losses are means since the epoch began, so what counts is the drawing at 100 % (YOLOv5's `train.py`; `progress_string`
of the trainers of ultralytics 8).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lrdoctor.parsers._text_above import FIRST_COLUMNS
from lrdoctor.parsers._text_shape import SHARE
from lrdoctor.parsers._text_tables import Table


def finished_epochs(found: Sequence[Table]) -> list[Table]:
    """The tables, those of such bars with one row per epoch only."""
    kept = []
    for table in found:
        if SHARE in table.shape.names:
            table = table.some(table.column(SHARE) == 100)
            epoch = table.column(FIRST_COLUMNS[0])
            table = table.some(np.append(True, epoch[1:] != epoch[:-1])[: len(epoch)])
        if len(table):
            kept.append(table)
    return kept
