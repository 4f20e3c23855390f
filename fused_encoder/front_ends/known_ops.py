"""A SavedModel is a program: what operations it may run, looked through before it is loaded."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from tensorflow.core.protobuf import saved_model_pb2

# What encoders and audio front ends are made of: arithmetic, shapes, and control flow. XlaCallModule is what
# jax2tf makes of a function of JAX (Perch v2): it runs StableHLO, which computes. Out of that lead only calls
# of TensorFlow functions, which stand in its `function_list` and are looked through as all others are, and of
# what is registered with XLA. It finds no other function of the process by its name.
ALLOWED_OPS = frozenset(
    """
    Abs Add AddN AddV2 All Any ArgMax ArgMin Assert AvgPool BatchMatMulV2 BatchMatMulV3
    BatchToSpaceND BiasAdd BroadcastArgs BroadcastTo Cast Ceil CheckNumerics ClipByValue Complex
    ComplexAbs ConcatV2 Const Conv1D Conv2D Cos CropAndResize Cumsum DepthwiseConv2dNative
    DivNoNan Einsum Elu EnsureShape Equal Erf Erfc Exp ExpandDims Expm1 Fill Floor FloorDiv FloorMod
    FusedBatchNormV3 Gather GatherNd GatherV2 Greater GreaterEqual IRFFT Identity IdentityN If
    Imag InvertPermutation IsFinite IsNan L2Loss LeakyRelu Less LessEqual Log Log1p LogSoftmax
    LogicalAnd LogicalNot LogicalOr MatMul MatrixBandPart Max MaxPool MaxPoolV2 Maximum Mean Min
    Minimum MirrorPad Mul MulNoNan Neg NoOp NotEqual OneHot OnesLike Pack Pad PadV2
    ParallelConcat PartitionedCall Placeholder PlaceholderWithDefault Pow PreventGradient Prod
    RFFT RaggedGather RaggedRange RaggedTensorFromVariant RaggedTensorToTensor
    RaggedTensorToVariant Range Rank ReadVariableOp Real RealDiv Reciprocal Relu Relu6 Reshape
    ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor ResourceGather ReverseSequence
    ReverseV2 Rint Round Rsqrt ScaleAndTranslate ScatterNd SegmentMax SegmentMean SegmentSum
    Select SelectV2 Selu Shape ShapeN Sigmoid Sign Sin Size Slice Snapshot Softmax Softplus
    Softsign SpaceToBatchND Split SplitV Sqrt Square SquaredDifference Squeeze
    StatefulPartitionedCall StatelessIf StatelessWhile StopGradient StridedSlice Sub Sum Tan
    Tanh TensorListElementShape TensorListFromTensor TensorListGetItem TensorListLength
    TensorListReserve TensorListSetItem TensorListStack Tile TopKV2 Transpose TruncateDiv Unique
    Unpack UnsortedSegmentSum Where While XlaCallModule Xlogy ZerosLike
    """.split()  # noqa: SIM905
)


def unknown_ops(path: str | Path) -> list[str]:
    """Names of the operations that a SavedModel may run and that are not among `ALLOWED_OPS`.

    Raises:
        DecodeError, IndexError, OSError: it is damaged.
        ValueError: it is not in the one form of TensorFlow 2 that is looked through here.
    """
    files = sorted(file.name for file in Path(path).glob("saved_model.*"))
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString(Path(path, "saved_model.pb").read_bytes())
    graph = saved.meta_graphs[0]
    roots = graph.object_graph_def.concrete_functions
    if files != ["saved_model.pb"] or len(saved.meta_graphs) != 1 or not roots:
        raise ValueError(
            f"'{path}' is not a SavedModel of functions, as TensorFlow 2 writes it (found "
            f"{', '.join(files)}; {len(saved.meta_graphs)} graphs). Save or export it again."
        )
    functions = {f.signature.name: f.node_def for f in graph.graph_def.library.function}
    return sorted(set(_ops_within(roots, functions)) - ALLOWED_OPS)


def _ops_within(roots: Iterable[str], functions: dict) -> Iterator[str]:
    """The operations of these functions and of all that they call."""
    waiting, met = list(roots), set(roots)
    while waiting:
        for node in functions.get(waiting.pop(), ()):
            yield node.op
            for value in node.attr.values():
                for called in (value.func, *value.list.func):
                    if called.name and called.name not in met:
                        met.add(called.name)
                        waiting.append(called.name)
