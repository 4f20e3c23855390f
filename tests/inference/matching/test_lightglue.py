import numpy as np
import pytest

from inference.matching import Keypoints, LightGlue, Matching, match_shortlist, rerank
from inference.matching.match import way_name
from inference.matching.match_calibration import fit_match_calibration

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def write_matcher(path, *, inputs=("kpts0", "kpts1", "desc0", "desc1"), with_batch=False):
    """Each point goes with the most similar one of the other photo; its score is its height, y, halved."""
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    node = helper.make_node
    nodes = [
        node("Transpose", [inputs[3]], ["columns"], perm=[0, 2, 1]),
        node("MatMul", [inputs[2], "columns"], ["cosines"]),
        node("ArgMax", ["cosines"], ["nearest"], axis=2, keepdims=0),
        node("Squeeze", ["nearest", "zero"], ["second"]),
        node("Shape", ["second"], ["num"]),
        node("Squeeze", ["num"], ["end"]),
        node("Range", ["start", "end", "step"], ["first"]),
        node("Mul", ["first", "start"], ["batch"]),
        *(node("Unsqueeze", [part, "one"], [f"{part}_"]) for part in ("batch", "first", "second")),
        node("Concat", ["batch_"] * with_batch + ["first_", "second_"], ["matches0"], axis=1),
        node("Gather", [inputs[0], "y"], ["heights"], axis=2),
        node("Squeeze", ["heights", "zero"], ["height"]),
        node("Mul", ["height", "half"], ["mscores0"]),
    ]
    constants = {"zero": np.array([0]), "one": np.array([1]), "start": np.array(0)}
    constants |= {"step": np.array(1), "y": np.array(1), "half": np.array(0.5, np.float32)}
    kinds = onnx.TensorProto
    graph = helper.make_graph(
        nodes,
        "matcher",
        [helper.make_tensor_value_info(name, kinds.FLOAT, [1, None, None]) for name in inputs],
        [
            helper.make_tensor_value_info("matches0", kinds.INT64, None),
            helper.make_tensor_value_info("mscores0", kinds.FLOAT, None),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return path


def points(rows, *, aspect=2.0, size=6):
    """Points of a diagonal and one aside, each of its own kind, in this order."""
    places = np.array([[0.6, 0.6], [0.7, 0.8], [0.8, 0.7], [0.9, 1.0], [0.95, 0.65], [0.5, 0.9]])
    vectors = np.eye(size, dtype=np.float32)
    sizes = np.full(len(rows), 0.03, np.float32)
    return Keypoints(places[rows].astype(np.float32), sizes, vectors[rows], aspect)


@pytest.mark.parametrize("with_batch", [False, True])
def test_pairs_and_scores_are_those_of_the_network(tmp_path, with_batch):
    matcher = LightGlue(write_matcher(tmp_path / "net.onnx", with_batch=with_batch))
    one, other = points([0, 1, 2, 3, 4, 5]), points([5, 4, 3, 2, 1, 0])
    match, nothing = match_shortlist(one, [other, points([])], matcher)
    np.testing.assert_allclose(match.places[:, 0], one.places)
    np.testing.assert_allclose(match.places[:, 1], one.places)
    # The middle is 0; the longest side, twice the height, ends at 1: so the height ends at 0.5.
    np.testing.assert_allclose(match.distinctiveness, 0.5 * (one.places[:, 1] - 0.5), atol=1e-6)
    assert len(nothing) == 0


def test_pairs_that_fit_no_common_movement_are_left_out(tmp_path):
    path = write_matcher(tmp_path / "net.onnx")
    other = points([0, 1, 2, 3, 4, 5])
    other.places[5] = (0.1, 0.1)
    (match,) = LightGlue(path)(points([0, 1, 2, 3, 4, 5]), [other])
    (whole,) = LightGlue(path, tolerance=np.inf)(points([0, 1, 2, 3, 4, 5]), [other])
    assert (len(match), len(whole)) == (5, 6)


def test_a_calibration_of_other_matching_is_refused(tmp_path):
    class Features:
        name = "disk"

    matcher = LightGlue(write_matcher(tmp_path / "net.onnx"))
    assert way_name(Features(), matcher) == f"disk+{matcher.name}"
    assert way_name(Features(), Matching()) == "disk"
    same = np.arange(40) < 20
    calibration = fit_match_calibration(same * 0.5, same * 1.0, same, features="disk")
    with pytest.raises(ValueError, match=r"of the local features 'disk', received 'disk\+lightg"):
        rerank("who.jpg", [], calibration, features=Features(), matching=matcher)


def test_what_is_no_such_matcher_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        LightGlue(tmp_path / "gone.onnx")
    path = write_matcher(tmp_path / "net.onnx", inputs=("image0", "image1", "desc0", "desc1"))
    with pytest.raises(ValueError, match=r"takes image0, .*Export the matcher alone"):
        LightGlue(path)
    with pytest.raises(ValueError, match="Expected tolerance > 0"):
        LightGlue(path, tolerance=0.0)
