"""Load weights from other frameworks as named arrays, and save them for these.

The other framework need not be installed. Weights are identified by name and shape;
options that leave no trace in them, such as activations, must be the same on both
sides. Every `from_...` undoes its `to_...` bit by bit, and whatever has no counterpart
is refused.

An ONNX model stores its options, so `from_onnx` also makes the cells. It is the only
converter that needs a package, onnx.
"""

from rnnjax.convert.equinox import from_equinox, to_equinox
from rnnjax.convert.haiku import from_haiku, to_haiku
from rnnjax.convert.keras import from_keras, to_keras
from rnnjax.convert.linen import from_linen, to_linen
from rnnjax.convert.nnx import from_nnx, to_nnx
from rnnjax.convert.onnx_read import OnnxRecurrent, carry_from_onnx, from_onnx
from rnnjax.convert.onnx_write import to_onnx
from rnnjax.convert.pytorch import from_pytorch, to_pytorch

__all__ = [
    "OnnxRecurrent",
    "carry_from_onnx",
    "from_equinox",
    "from_haiku",
    "from_keras",
    "from_linen",
    "from_nnx",
    "from_onnx",
    "from_pytorch",
    "to_equinox",
    "to_haiku",
    "to_keras",
    "to_linen",
    "to_nnx",
    "to_onnx",
    "to_pytorch",
]
