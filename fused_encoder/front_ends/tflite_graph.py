"""A TensorFlow Lite file as plain TensorFlow operations: for batches, any threads, and exported encoders."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tensorflow as tf
import tflite

_DTYPES = {tflite.TensorType.FLOAT32: np.float32, tflite.TensorType.INT32: np.int32}
_PADDINGS = {tflite.Padding.SAME: "SAME", tflite.Padding.VALID: "VALID"}
_ACTIVATIONS: dict[int, Callable[[tf.Tensor], tf.Tensor]] = {
    tflite.ActivationFunctionType.NONE: lambda x: x,
    tflite.ActivationFunctionType.RELU: tf.nn.relu,
    tflite.ActivationFunctionType.RELU6: tf.nn.relu6,
}


class TfliteGraph(tf.Module):
    """The network of a TensorFlow Lite file, or a part, in TensorFlow operations and variables.

    Unlike the interpreter it takes batches, is safe in threads, and can be part of a SavedModel. It is
    made for float networks of one input and one output; quantised ones are refused.

    Args:
        path: a `.tflite` file.
        part: "trunk" is all but the last operation, which in a classifier makes scores of an embedding;
            "head" is the last operation alone.

    Attributes:
        input_shape: of one item, without the batch.
        output_shape: the same.

    Raises:
        ValueError: the file is damaged, of a quantised network, or has operations that are not translated.

    Reference:
        https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs
    """

    def __init__(
        self, path: str | Path, *, part: Literal["whole", "trunk", "head"] = "whole"
    ) -> None:
        super().__init__(name="tflite_graph")
        try:
            network = _read(Path(path).read_bytes())
        except (struct.error, TypeError, ValueError, IndexError, KeyError) as error:
            raise ValueError(
                f"'{path}' is not a TensorFlow Lite file of floats, or is damaged: {error}"
            ) from error
        embedding = network.nodes[-1].inputs[0]
        first = embedding if part == "head" else network.input
        last = embedding if part == "trunk" else network.output
        self.input_shape, self.output_shape = network.shapes[first][1:], network.shapes[last][1:]
        nodes = _nodes_between(network, first, last)
        unknown = sorted({node.kind for node in nodes} - _TRANSLATIONS.keys())
        if unknown:
            raise ValueError(
                f"'{path}' has operations that are not translated: {', '.join(unknown)}."
            )
        needed = {place for node in nodes for place in node.inputs}
        constants = {i: array for i, array in network.constants.items() if i in needed}
        for node in nodes:
            if node.kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):  # [out, height, width, in]
                constants[node.inputs[1]] = np.moveaxis(network.constants[node.inputs[1]], 0, -1)
        weights = {
            place: tf.Variable(array, trainable=False, name=network.names[place].split(";")[0])
            for place, array in constants.items()
            if array.dtype == np.float32 and array.size > 1
        }
        self.weights = list(weights.values())
        batch = tf.TensorSpec([None, *self.input_shape], tf.float32)
        run = partial(_run, nodes, {**constants, **weights}, first, last)
        self._graph = tf.function(run, input_signature=[batch], autograph=False)

    def __call__(self, batch: tf.Tensor) -> tf.Tensor:
        """float32 [batch, ...] of the network's input -> float32 [batch, ...] of its output."""
        return self._graph(batch)


@dataclass(frozen=True)
class _Node:
    kind: str
    operator: Any  # tflite.Operator
    inputs: tuple[int, ...]  # -1 for an optional input that is not there
    outputs: tuple[int, ...]

    def options(self, name: str) -> Any:
        """The accessors of this kind's options, such as `Conv2DOptions`."""
        table, options = self.operator.BuiltinOptions(), getattr(tflite, name)()
        options.Init(table.Bytes, table.Pos)
        return options


@dataclass(frozen=True)
class _Network:
    nodes: tuple[_Node, ...]  # in the order in which they are run
    constants: Mapping[int, np.ndarray]
    names: Sequence[str]
    shapes: Sequence[tuple[int, ...]]
    input: int
    output: int


def _read(content: bytes) -> _Network:
    if not tflite.Model.ModelBufferHasIdentifier(content, 0):
        raise ValueError("it does not begin as one.")
    model = tflite.Model.GetRootAs(content, 0)
    graph = model.Subgraphs(0)
    tensors = [graph.Tensors(place) for place in range(graph.TensorsLength())]
    shapes = [tuple(t.ShapeAsNumpy().tolist()) if t.ShapeLength() else () for t in tensors]
    nodes = []
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = tflite.opcode2name(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()))
        inputs, outputs = (
            tuple(places.tolist())
            for places in (operator.InputsAsNumpy(), operator.OutputsAsNumpy())
        )
        nodes.append(_Node(kind, operator, inputs, outputs))
    made = {place for node in nodes for place in node.outputs} | {graph.Inputs(0)}
    return _Network(
        nodes=tuple(nodes),
        constants={
            place: _constant(model.Buffers(tensor.Buffer()), tensor, shapes[place])
            for place, tensor in enumerate(tensors)
            if place not in made
        },
        names=[tensor.Name().decode() for tensor in tensors],
        shapes=shapes,
        input=graph.Inputs(0),
        output=graph.Outputs(0),
    )


def _constant(buffer: Any, tensor: Any, shape: tuple[int, ...]) -> np.ndarray:
    dtype = _DTYPES[tensor.Type()]
    if 0 in shape:
        return np.zeros(shape, dtype)
    return buffer.DataAsNumpy().view(dtype).reshape(shape)


def _nodes_between(network: _Network, first: int, last: int) -> list[_Node]:
    """The nodes that make `last` from `first`, in order."""
    nodes: list[_Node] = []
    needed = {last}
    for node in reversed(network.nodes):
        if needed.intersection(node.outputs) and first not in node.outputs:
            nodes.append(node)
            needed.update(node.inputs)
    return nodes[::-1]


def _run(
    nodes: Sequence[_Node], constants: Mapping[int, Any], first: int, last: int, batch: tf.Tensor
) -> tf.Tensor:
    values = {**constants, first: batch, -1: None}
    for node in nodes:
        made = _TRANSLATIONS[node.kind](node, *(values[place] for place in node.inputs))
        values.update(zip(node.outputs, made if len(node.outputs) > 1 else [made], strict=True))
    return values[last]


_Translation = Callable[..., Any]  # (node, *inputs) -> the output, or a list of several


def _plain(function: Callable) -> _Translation:
    return lambda node, *inputs: function(*inputs)


def _activated(function: Callable, options: str) -> _Translation:
    def translated(node: _Node, *inputs: tf.Tensor) -> tf.Tensor:
        activation = node.options(options).FusedActivationFunction()
        return _ACTIVATIONS[activation](function(*inputs))

    return translated


def _reduced(function: Callable) -> _Translation:
    return lambda node, x, axes: function(
        x, axes, keepdims=node.options("ReducerOptions").KeepDims()
    )


def _pooled(function: Callable) -> _Translation:
    def translated(node: _Node, x: tf.Tensor) -> tf.Tensor:
        o = node.options("Pool2DOptions")
        size, strides = (o.FilterHeight(), o.FilterWidth()), (o.StrideH(), o.StrideW())
        y = function(x, size, strides, _PADDINGS[o.Padding()])
        return _ACTIVATIONS[o.FusedActivationFunction()](y)

    return translated


def _conv(node: _Node, x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    o = node.options("Conv2DOptions")
    dilations = (o.DilationHFactor(), o.DilationWFactor())
    y = tf.nn.conv2d(
        x, kernel, (o.StrideH(), o.StrideW()), _PADDINGS[o.Padding()], dilations=dilations
    )
    return _ACTIVATIONS[o.FusedActivationFunction()](tf.nn.bias_add(y, bias))


def _depthwise_conv(node: _Node, x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    o = node.options("DepthwiseConv2DOptions")
    kernel = tf.reshape(kernel, (*kernel.shape[:2], x.shape[-1], o.DepthMultiplier()))
    y = tf.nn.depthwise_conv2d(
        x, kernel, (1, o.StrideH(), o.StrideW(), 1), _PADDINGS[o.Padding()],
        dilations=(o.DilationHFactor(), o.DilationWFactor()),
    )  # fmt: skip
    return _ACTIVATIONS[o.FusedActivationFunction()](tf.nn.bias_add(y, bias))


def _dense(node: _Node, x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor | None) -> tf.Tensor:
    y = tf.matmul(x, kernel, transpose_b=True)
    y = y if bias is None else tf.nn.bias_add(y, bias)
    return _ACTIVATIONS[node.options("FullyConnectedOptions").FusedActivationFunction()](y)


def _rfft(node: _Node, x: tf.Tensor, lengths: np.ndarray) -> tf.Tensor:
    if lengths[0] != 1:
        raise ValueError("A Fourier transform over two dimensions is not translated.")
    # In double precision, as TensorFlow Lite has it: BirdNET takes roots of what comes out, so that in the
    # padding of a window the float noise of a transform would be heard.
    return tf.cast(tf.signal.rfft(tf.cast(x, tf.float64), lengths[1:]), tf.complex64)


def _strided_slice(node: _Node, *inputs: tf.Tensor) -> tf.Tensor:
    o = node.options("StridedSliceOptions")
    return tf.strided_slice(
        *inputs,
        begin_mask=o.BeginMask(),
        end_mask=o.EndMask(),
        ellipsis_mask=o.EllipsisMask(),
        new_axis_mask=o.NewAxisMask(),
        shrink_axis_mask=o.ShrinkAxisMask(),
    )


def _cast(node: _Node, x: tf.Tensor) -> tf.Tensor:
    # TensorFlow Lite keeps the real part of a complex number; BirdNET's spectrograms rest on that.
    return tf.math.real(x) if x.dtype.is_complex else tf.cast(x, tf.float32)


_TRANSLATIONS: dict[str, _Translation] = {
    "ADD": _activated(tf.add, "AddOptions"),
    "AVERAGE_POOL_2D": _pooled(tf.nn.avg_pool2d),
    "CAST": _cast,
    "CONCATENATION": lambda node, *xs: tf.concat(xs, node.options("ConcatenationOptions").Axis()),
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise_conv,
    "DIV": _activated(tf.divide, "DivOptions"),
    "EXPAND_DIMS": _plain(tf.expand_dims),
    "FLOOR_DIV": _plain(tf.math.floordiv),
    "FULLY_CONNECTED": _dense,
    "GATHER": lambda node, x, rows: tf.gather(x, rows, axis=node.options("GatherOptions").Axis()),
    "LOGISTIC": _plain(tf.sigmoid),
    "MAXIMUM": _plain(tf.maximum),
    "MAX_POOL_2D": _pooled(tf.nn.max_pool2d),
    "MEAN": _reduced(tf.reduce_mean),
    "MUL": _activated(tf.multiply, "MulOptions"),
    "PACK": lambda node, *xs: tf.stack(xs, node.options("PackOptions").Axis()),
    "PAD": _plain(tf.pad),
    "POW": _plain(tf.pow),
    "RANGE": _plain(tf.range),
    "REDUCE_MAX": _reduced(tf.reduce_max),
    "REDUCE_MIN": _reduced(tf.reduce_min),
    "REDUCE_PROD": _reduced(tf.reduce_prod),
    "RESHAPE": _plain(tf.reshape),
    "REVERSE_V2": _plain(tf.reverse),
    "RFFT2D": _rfft,
    "SHAPE": _plain(tf.shape),
    "SPLIT_V": _plain(tf.split),
    "SQUEEZE": lambda node, x: tf.squeeze(
        x, node.options("SqueezeOptions").SqueezeDimsAsNumpy().tolist()
    ),
    "STRIDED_SLICE": _strided_slice,
    "SUB": _activated(tf.subtract, "SubOptions"),
    "TRANSPOSE": _plain(tf.transpose),
}
