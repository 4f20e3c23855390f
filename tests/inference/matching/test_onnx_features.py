import sys

import numpy as np
import pytest

from inference.matching import OnnxFeatures

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

PLACES = np.array([[[3, 5], [60, 10], [31, 31]]], np.int64)
SCORES = np.array([[0.2, 0.9, 0.5]], np.float32)


def write_network(path, *, channels=3, names=("keypoints", "scores", "descriptors"), places=PLACES):
    """A network of given places, whose descriptors are the photo's mean colour times the row's number."""
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    rows = np.arange(1, 4, dtype=np.float32).reshape(1, 3, 1)
    constants = {"places": places, "strengths": SCORES, "rows": rows, "axes": np.array([2, 3])}
    shape = np.array([1, 1, channels])
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["mean"], keepdims=0),
        helper.make_node("Reshape", ["mean", "shape"], ["flat"]),
        helper.make_node("Identity", ["places"], [names[0]]),
        helper.make_node("Identity", ["strengths"], [names[1]]),
        helper.make_node("Mul", ["flat", "rows"], [names[2]]),
    ]
    kinds = [onnx.TensorProto.INT64 if places.dtype == np.int64 else onnx.TensorProto.FLOAT]
    kinds += [onnx.TensorProto.FLOAT] * 2
    graph = helper.make_graph(
        nodes,
        "points",
        [helper.make_tensor_value_info("image", kinds[1], [1, channels, "height", "width"])],
        [helper.make_tensor_value_info(n, k, None) for n, k in zip(names, kinds, strict=True)],
        [numpy_helper.from_array(v, n) for n, v in {**constants, "shape": shape}.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, path)
    return path


def photo():
    image = np.zeros((40, 80, 3), np.uint8)
    image[..., 0] = 200
    return image


def test_the_best_points_of_a_network_come_first_as_shares_of_the_photo(tmp_path):
    features = OnnxFeatures(write_network(tmp_path / "net.onnx"), longest_side_px=64, num_points=2)
    points = features(photo())  # brought to 64 x 32 pixels
    assert np.allclose(points.places, [[60.5 / 64, 10.5 / 32], [31.5 / 64, 31.5 / 32]])
    assert np.allclose(points.vectors, [[1, 0, 0]] * 2)
    assert points.places.dtype == points.vectors.dtype == points.sizes.dtype == np.float32


def test_places_around_the_middle_and_grey_photos_are_understood(tmp_path):
    places = np.array([[[-1, -1], [0, 0.5], [1, 1]]], np.float32)
    path = write_network(tmp_path / "net.onnx", channels=1, places=places)
    points = OnnxFeatures(path, longest_side_px=64, keypoint_unit="-1 to 1")(photo())
    assert np.allclose(points.places, [[0.5, 0.75], [1, 1], [0, 0]])
    assert points.vectors.shape == (3, 1)


def test_the_name_follows_the_network_and_its_options(tmp_path):
    first = OnnxFeatures(write_network(tmp_path / "a.onnx"))
    other = OnnxFeatures(write_network(tmp_path / "b.onnx", channels=1))
    again = OnnxFeatures(write_network(tmp_path / "c.onnx"))
    assert first.name == again.name
    assert len({first.name, other.name, OnnxFeatures(tmp_path / "a.onnx", num_points=9).name}) == 3


def test_what_is_no_such_network_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file"):
        OnnxFeatures(tmp_path / "gone.onnx")
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ValueError, match="is no ONNX network"):
        OnnxFeatures(tmp_path / "text.onnx")
    path = write_network(tmp_path / "net.onnx", names=("keypoints", "scores", "other"))
    with pytest.raises(ValueError, match="gives keypoints, scores, other; expected outputs"):
        OnnxFeatures(path)


@pytest.mark.parametrize(
    "option", [{"longest_side_px": 8}, {"num_points": 0}, {"keypoint_unit": "metres"}]
)
def test_options_out_of_range_are_refused(tmp_path, option):
    with pytest.raises(ValueError, match="Expected"):
        OnnxFeatures(tmp_path / "net.onnx", **option)


def test_without_onnx_runtime_the_extra_is_named(tmp_path, monkeypatch):
    path = write_network(tmp_path / "net.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r"pip install fused-encoder\[onnx\]"):
        OnnxFeatures(path)
