"""What a detection file has, as a detector of one video."""

from fractions import Fraction

import av
import numpy as np
import pytest

from individuals.video.detection_file import load_detections
from media import UnreadableMediaError, iter_moments

PLACES = [{"red": (10 + 4 * number, 20)} for number in range(12)]


@pytest.fixture
def found_in(write_json, megadetector):
    """found_in(name, {frame: bbox}) is a detection file of one video."""

    def make(name, boxes, **entry):
        listed = [
            {"category": "1", "conf": 0.9, "bbox": list(box), "frame_number": frame}
            for frame, box in boxes.items()
        ]
        return load_detections(
            write_json(megadetector([{"file": name, "detections": listed, **entry}]))
        )

    return make


def moments_of(path):
    return list(iter_moments(path, frames_per_second=None, audio_seconds=None))


def test_shares_become_pixels_of_the_frame(film, found_in):
    path = film("monday.mp4", PLACES)
    detect = found_in("monday.mp4", {2: (0.25, 0.5, 0.5, 0.25)}).for_video(path)
    (detection,) = detect(moments_of(path))
    assert detection.box == (40.0, 60.0, 120.0, 90.0)
    assert (detection.frame_index, detection.score) == (2, 0.9)
    assert detection.time_seconds == pytest.approx(0.2)


def test_a_box_that_reaches_out_is_cut_at_the_edge_and_one_outside_is_noted(film, found_in):
    path = film("monday.mp4", PLACES)
    boxes = {0: (0.9, -0.1, 0.2, 0.5), 1: (1.01, 0.1, 0.2, 0.2)}
    detect = found_in("monday.mp4", boxes).for_video(path)
    (detection,) = detect(moments_of(path))
    assert detection.box == pytest.approx((144.0, 0.0, 160.0, 48.0))
    assert detect.notes == ("1 boxes lie outside of the frame and are left out.",)


def test_more_frames_than_are_wanted_are_thinned_evenly(film, found_in):
    path = film("monday.mp4", PLACES)  # 10 frames per second
    detect = found_in("monday.mp4", dict.fromkeys(range(12), (0.1, 0.1, 0.2, 0.2)))
    assert sorted(detect.for_video(path).frames_to_look_at(5.0)) == [0, 2, 4, 6, 8, 10]
    assert len(detect.for_video(path).frames_to_look_at(30.0)) == 12


def test_one_frame_of_many_cannot_be_followed_and_that_is_noted(film, found_in):
    path = film("monday.mp4", PLACES)
    found = found_in("monday.mp4", {3: (0.1, 0.1, 0.2, 0.2)}, frames_processed=list(range(12)))
    assert "only 1 of 12 processed frames has detections" in found.for_video(path).notes[0]


def test_a_video_that_the_detector_could_not_use_is_no_video_without_animals(film, found_in):
    path = film("monday.mp4", PLACES)
    found = found_in("monday.mp4", {}, failure="Failure video access")
    found = load_detections_with_failure(found, path)
    with pytest.raises(UnreadableMediaError, match=r"could not use it \(Failure video access\)"):
        found.for_video(path)


def load_detections_with_failure(found, path):
    """The same file with `detections` null, as the format asks of failures."""
    text = found.path.read_text(encoding="utf-8").replace('"detections": []', '"detections": null')
    found.path.write_text(text, encoding="utf-8")
    return load_detections(found.path)


def coco_of(size, boxes):
    return {
        "categories": [{"id": 1, "name": "animal"}],
        "images": [
            {"id": n, "file_name": f"monday.mp4/frame{n}.jpg", "width": size[0], "height": size[1]}
            for n in boxes
        ],
        "annotations": [
            {"id": frame, "image_id": frame, "category_id": 1, "bbox": list(box)}
            for frame, box in boxes.items()
        ],
    }


def test_pixels_of_smaller_frames_are_scaled(film, write_json):
    path = film("monday.mp4", PLACES)
    found = load_detections(write_json(coco_of((80, 60), {1: (10, 20, 30, 10)})))
    (detection,) = found.for_video(path)(moments_of(path))
    assert detection.box == (20.0, 40.0, 80.0, 60.0)


def test_frames_of_another_shape_are_refused_before_the_video_is_looked_at(film, write_json):
    path = film("monday.mp4", PLACES)
    found = load_detections(write_json(coco_of((60, 80), {1: (10, 20, 30, 10)})))
    with pytest.raises(ValueError, match=r"of frames of 60 x 80 pixels, the video's are 160 x 120"):
        found.check([path])


def test_boxes_of_larger_frames_lie_outside_and_are_refused(film, write_json):
    path = film("monday.mp4", PLACES)
    content = coco_of((0, 0), {1: (400, 200, 30, 10)})
    with pytest.raises(ValueError, match=r"All 1 boxes of .* lie outside of its frames of 160 x 1"):
        load_detections(write_json(content)).for_video(path)


def write_black(path, times, *, rotation_degrees=0):
    """A video of black frames of 64 x 48 pixels that are shown at these times, perhaps turned."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if rotation_degrees:
            stream.set_display_rotation(rotation_degrees)
        for seconds in times:
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            frame.pts, frame.time_base = round(1000 * seconds), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_a_turned_video_has_its_boxes_upright(tmp_path, found_in):
    path = write_black(tmp_path / "turned.mp4", [0, 0.1, 0.2, 0.3], rotation_degrees=90)
    detect = found_in("turned.mp4", {1: (0.0, 0.5, 0.5, 0.5)}).for_video(path)
    (detection,) = detect(moments_of(path))
    assert detection.box == (0.0, 32.0, 24.0, 64.0)  # of 48 x 64


def test_with_a_variable_frame_rate_boxes_keep_the_times_of_their_frames(tmp_path, found_in):
    times = [0.0, 0.02, 0.04, 0.5, 1.5, 1.6]
    path = write_black(tmp_path / "uneven.mp4", times)
    detect = found_in("uneven.mp4", dict.fromkeys((1, 3, 4), (0.1, 0.1, 0.5, 0.5))).for_video(path)
    found = detect(moments_of(path))
    assert [d.time_seconds for d in found] == pytest.approx([0.02, 0.5, 1.5], abs=2e-3)
