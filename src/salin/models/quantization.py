"""The weights of an ONNX graph as int8, a scale for each row of what is multiplied.

onnxruntime's own dynamic quantisation takes one scale for all rows of a batch, so that the tags of a sentence depend on
what is tagged beside it; docs/decisions/0009 has the measurements.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray
from onnx_ir.passes.common import RemoveUnusedNodesPass

# QuantizeLinear by blocks, of which a row is one, came with this version of the operators.
OPSET = 21
# Inputs are unsigned, as the instructions for it want them, around a zero in the middle.
_ZERO, _INPUT_LEVELS = 128, 127
# Weights have 7 bits. With 8, processors without VNNI overflow their sums of two products, so that a network that was
# found right on one machine would be wrong on another.
_WEIGHT_LEVELS = 63
_TABLE_LEVELS = 127


def quantize(model: ir.Model) -> None:
    """Turns the weights of linear layers and embedding tables into int8, in place; the output layer stays as it is.

    A linear layer `x W` becomes `(q(x) Q) * s(x) * S`: q(x) are the rows of x as uint8, computed when it runs with a
    scale s(x) for each; Q is W as int8 with a scale S for each column. An embedding table has a scale for each row.

    Args:
        model: A graph of opset 21.
    """
    quantizer = _Quantizer(model.graph)
    *hidden, _ = _with_matrix(model.graph, "MatMul", 1)
    for node in hidden:
        quantizer.multiplication(node)
    for node in list(_with_matrix(model.graph, "Gather", 0)):
        quantizer.lookup(node)
    RemoveUnusedNodesPass()(model)


class _Quantizer:
    """Replaces nodes of a graph; what several of them use is made once."""

    def __init__(self, graph: ir.Graph):
        self._graph = graph
        self._rows: dict[ir.Value, tuple[ir.Value, ir.Value]] = {}
        self._constants: dict[str, ir.Value] = {}

    def multiplication(self, node: ir.Node) -> None:
        x, weight = node.inputs
        assert x is not None and weight is not None
        tape = ir.tape.Tape()
        if x not in self._rows:
            self._rows[x] = self._quantized_rows(tape, x, _matrix(weight).shape[0])
        rows, scales = self._rows[x]
        columns, column_scales = self._quantized(weight, 0, _WEIGHT_LEVELS)
        zero = self._constant("int8_zero", np.array(_ZERO, np.uint8))
        sums = tape.op("Cast", [tape.op("MatMulInteger", [rows, columns, zero])], {"to": ir.DataType.FLOAT})
        self._replace(node, tape, tape.op("Mul", [tape.op("Mul", [sums, scales]), column_scales]))

    def lookup(self, node: ir.Node) -> None:
        table, indices = node.inputs
        assert table is not None
        tape = ir.tape.Tape()
        rows, row_scales = self._quantized(table, 1, _TABLE_LEVELS)
        found = tape.op("Cast", [tape.op("Gather", [rows, indices])], {"to": ir.DataType.FLOAT})
        self._replace(node, tape, tape.op("Mul", [found, tape.op("Gather", [row_scales, indices])]))

    def _quantized_rows(self, tape: ir.tape.Tape, x: ir.Value, width: int) -> tuple[ir.Value, ir.Value]:
        """Adds what turns x into uint8 when the network runs; gives that and its scales, `[..., 1]`."""
        last = self._constant("int8_last_axis", np.array([-1]))
        largest = tape.op("ReduceMax", [tape.op("Abs", [x]), last], {"keepdims": 1})
        step = tape.op("Mul", [largest, self._constant("int8_step", np.array(1 / _INPUT_LEVELS, np.float32))])
        # A row of zeros has a scale too.
        scales = tape.op("Max", [step, self._constant("int8_smallest", np.array(1e-12, np.float32))])
        zeros = tape.op(
            "ConstantOfShape", [tape.op("Shape", [scales])], {"value": ir.tensor(np.array([_ZERO], np.uint8))}
        )
        return tape.op("QuantizeLinear", [x, scales, zeros], {"axis": -1, "block_size": width}), scales

    def _quantized(self, weight: ir.Value, axis: int, levels: int) -> tuple[ir.Value, ir.Value]:
        """A matrix as int8, and its scales: one for each vector along the axis."""
        values = _matrix(weight)
        scales = np.maximum(np.abs(values).max(axis, keepdims=True), 1e-12) / levels
        whole = self._constant(f"{weight.name}_int8", np.rint(values / scales).astype(np.int8))
        return whole, self._constant(f"{weight.name}_scales", scales.astype(np.float32))

    def _constant(self, name: str, value: NDArray[np.generic]) -> ir.Value:
        if name not in self._constants:
            self._constants[name] = ir.tape.Tape(self._graph).initializer(ir.tensor(value, name=name))
        return self._constants[name]

    def _replace(self, node: ir.Node, tape: ir.tape.Tape, output: ir.Value) -> None:
        self._graph.insert_before(node, tape.nodes)
        node.outputs[0].replace_all_uses_with(output)
        self._graph.remove(node, safe=True)


def _with_matrix(graph: ir.Graph, operator: str, place: int) -> Iterator[ir.Node]:
    """The nodes of an operator whose input at a place is a matrix of constants, taken row by row."""
    for node in graph:
        given = node.inputs[place] if node.op_type == operator and node.attributes.get_int("axis", 0) == 0 else None
        if given is None or not given.is_initializer() or given.dtype != ir.DataType.FLOAT:
            continue
        if given.shape is not None and given.shape.rank() == 2:
            yield node


def _matrix(weight: ir.Value) -> NDArray[np.float32]:
    assert weight.const_value is not None
    return weight.const_value.numpy()
