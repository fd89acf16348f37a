"""What event files hold beside plain scalars and is still wanted: numbers of other types, and hyperparameters."""

from __future__ import annotations

from typing import Any

from lrdoctor.errors import LogError
from lrdoctor.model import Scalar
from lrdoctor.parsers._event import MalformedError, fields
from lrdoctor.parsers._settings import settings

STRING = 0x42
"""Key of `string_val` in a TensorProto."""


def number(tensor: bytes) -> float | None:
    """The number in a tensor of any numeric type that holds exactly one, else None."""
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.util.tensor_util import make_ndarray

    try:
        message = TensorProto.FromString(tensor)
        # Before the array is made: it would be filled up to whatever shape is declared.
        if any(side.size != 1 for side in message.tensor_shape.dim):
            return None
        values = make_ndarray(message)
        return float(values.reshape(-1)[0]) if values.size == 1 and values.dtype.kind in "fiub" else None
    except Exception:  # whatever a foreign decoder raises about a few bytes, they are no number
        return None


def hyperparameters(content: bytes) -> dict[str, Scalar]:
    """What `add_hparams` and TensorBoard's hparams API store of a run's configuration."""
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    try:
        told = HParamsPluginData.FromString(content).session_start_info.hparams
        return {name: _setting(told[name]) for name in sorted(told)}
    except Exception:  # as above: then there is no configuration to show
        return {}


def arguments(tensor: bytes) -> dict[str, Scalar]:
    """The `TrainingArguments` that transformers' TensorBoardCallback stores as text: an object in JSON."""
    try:
        told = [tensor[start:end] for key, start, end in fields(tensor, 0, len(tensor)) if key == STRING]
        return settings(told[0], ".json") if told and told[0].lstrip().startswith(b"{") else {}
    except (MalformedError, LogError):
        return {}


def _setting(value: Any) -> Scalar:
    """One hyperparameter; the format has no integers, so whole numbers are taken for such."""
    match value.WhichOneof("kind"):
        case "number_value":
            number = float(value.number_value)
            return int(number) if number.is_integer() else number
        case "string_value":
            return str(value.string_value)
        case "bool_value":
            return bool(value.bool_value)
    return None
