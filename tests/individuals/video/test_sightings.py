"""The whole way from a video to sightings, on generated and on real ones."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from individuals import count_individuals, load_detections
from individuals.video.detection import Detection, box_iou
from individuals.video.detectors import detect_motion, detect_whole_frames
from individuals.video.sightings import find_sightings
from media import UnreadableMediaError, write_video

SONG = np.sin(np.arange(2 * 16000) * 0.3).astype(np.float32) * 0.3
WALK = [{"red": (10 + 4 * number, 20)} for number in range(20)]
TOGETHER = [{"red": (10 + 2 * number, 10), "blue": (110 - 2 * number, 70)} for number in range(20)]


def red_and_blue(moments):
    """A detector that knows where a colour is by looking for it."""
    found = []
    for moment in moments:
        pixels = moment.frame.astype(int)
        for channel, other in ((0, 2), (2, 0)):
            rows, columns = np.nonzero(pixels[..., channel] - pixels[..., other] > 60)
            if len(rows) >= 200:
                ends = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                box = tuple(map(float, ends))
                found.append(Detection(moment.frame_index, moment.time_seconds, box))
    return found


def tracklets(seen):
    return tuple(s.tracklet for s in seen.table.sightings)


def modalities(seen):
    return tuple(s.modality for s in seen.table.sightings)


@pytest.fixture
def sightings_of(embedder):
    def find(path, detector=red_and_blue, **options):
        defaults = {"frames_per_second": 5.0, "min_detections": 1, "follow": True}
        return find_sightings(path, embedder, detector, **(defaults | options))

    return find


def test_an_animal_is_one_tracklet_of_up_to_four_sightings(film, sightings_of):
    seen = sightings_of(film("walk.mp4", WALK))
    assert tracklets(seen) == (0, 0, 0, 0)
    times = [d.time_seconds for d in seen.table.sightings]
    assert times == sorted(times)
    assert times[0] < 0.6
    assert times[-1] > 1.2
    assert modalities(seen) == ("image",) * 4
    assert {s.seen_with for s in seen.table.sightings} == {()}


def test_two_animals_are_two_tracklets_seen_together(film, sightings_of):
    seen = sightings_of(film("two.mp4", TOGETHER))
    assert set(tracklets(seen)) == {0, 1}
    assert {(s.tracklet, s.seen_with) for s in seen.table.sightings} == {(0, (1,)), (1, (0,))}


def test_two_boxes_around_one_animal_are_one_animal(film, sightings_of):
    def twice(moments):
        found = red_and_blue(moments)
        grown = [replace(d, box=tuple(np.add(d.box, (-1, -1, 1, 1))), score=0.6) for d in found]
        return grown + found

    seen = sightings_of(film("two.mp4", TOGETHER), twice)
    assert set(tracklets(seen)) == {0, 1}
    assert all(s.score == 1 for s in seen.table.sightings)  # the surer box is kept
    assert seen.notes[0].startswith("20 boxes nearly cover another box of their frame")


def test_blurred_sights_are_left_out_where_there_are_sharp_ones(tmp_path, squares, sightings_of):
    frames = squares(WALK)
    for number in range(0, 20, 4):
        frames[number] = cv2.GaussianBlur(frames[number], (0, 0), 4)
    write_video(tmp_path / "blurred.mp4", frames, frames_per_second=10)
    seen = sightings_of(tmp_path / "blurred.mp4")
    assert {d.frame_index % 4 for d in seen.table.sightings} == {2}
    assert min(s.quality for s in seen.table.sightings) > 0.3


def test_a_tracklet_is_known_from_its_first_to_its_last_detection(film, sightings_of):
    seen = sightings_of(film("walk.mp4", WALK))
    ((first, last),) = {(s.start_seconds, s.end_seconds) for s in seen.table.sightings}
    embedded = [s.time_seconds for s in seen.table.sightings]
    assert first <= min(embedded)
    assert max(embedded) < last  # four of twenty frames are embedded, and not the last


def test_cut_off_sights_are_marked_down_and_say_so(film, sightings_of):
    seen = sightings_of(film("edge.mp4", [{"red": (0, 20)}] * 8))
    assert max(s.quality for s in seen.table.sightings) <= 0.6
    assert all("cut off" in reasons for reasons in seen.quality_reasons)


def test_an_animal_that_is_alone_is_heard(film, sightings_of):
    path = film("walk.mp4", WALK, SONG)
    seen, heard = sightings_of(path), sightings_of(path, sound="alone")
    assert modalities(heard) == ("fused",) * 4
    assert not np.allclose(seen.table.embeddings, heard.table.embeddings)


def test_of_several_animals_none_is_heard_unless_it_is_told(film, sightings_of):
    path = film("two.mp4", TOGETHER, SONG)
    assert set(modalities(sightings_of(path, sound="alone"))) == {"image"}
    assert np.array_equal(
        sightings_of(path, sound="alone").table.embeddings, sightings_of(path).table.embeddings
    )

    def the_lower_one(moment, detections):
        return int(np.argmax([d.box[1] for d in detections]))

    told = sightings_of(path, sound=the_lower_one)
    for detection, modality in zip(told.table.sightings, modalities(told), strict=True):
        assert modality == ("fused" if detection.box[1] > 50 else "image")


def test_who_comes_in_later_leaves_the_first_heard_only_before(film, sightings_of):
    # The encoder hears 2 s at once: from 1 s before the second animal on, either might be heard.
    places = [{"red": (20 + number, 10)} for number in range(60)]
    for number in range(30, 60):
        places[number]["blue"] = (110, 70)
    song = np.tile(SONG, 3)
    heard = sightings_of(film("later.mp4", places, song), sound="alone")
    assert set(modalities(heard)) == {"image", "fused"}
    for detection, modality in zip(heard.table.sightings, modalities(heard), strict=True):
        is_early = detection.time_seconds < 2.0
        assert modality == ("fused" if is_early else "image"), detection.time_seconds


def test_the_sound_is_that_around_the_frame(film, sightings_of, monkeypatch):
    late = SONG.copy()
    late[:16000] = 0  # a tone from 1 s to 2 s
    loud_seconds = []

    def remember(embedder, waveform):
        loud_seconds.append(float((np.abs(waveform) > 0.01).mean() * len(waveform) / 16000))

    monkeypatch.setattr("individuals.video.sightings.audio_sequence_of", remember)
    seen = sightings_of(film("late.mp4", WALK, late), sound="alone")
    # The encoder hears 2 s, so 1 s to either side of each frame.
    expected = [min(d.time_seconds + 1, 2) - 1 for d in seen.table.sightings]
    assert loud_seconds == pytest.approx(expected, abs=0.05)
    assert set(modalities(seen)) == {"image"}


def test_a_silent_track_gives_sightings_by_sight(film, sightings_of):
    seen = sightings_of(film("silent.mp4", WALK, np.zeros(32000, np.float32)), sound="alone")
    assert modalities(seen) == ("image",) * 4
    assert seen.notes == ("the sound around 4 crops is silent: they are embedded by sight alone.",)


def test_an_unknown_sound_is_refused_before_the_video_is_read(sightings_of, tmp_path):
    with pytest.raises(ValueError, match="Unknown sound 'loud'"):
        sightings_of(tmp_path / "gone.mp4", sound="loud")


def test_small_pieces_hear_and_see_the_same(film, sightings_of, monkeypatch):
    path = film("walk.mp4", WALK * 2, np.tile(SONG, 2))
    whole = sightings_of(path, sound="alone", frames_per_second=10.0)
    monkeypatch.setattr("individuals.video.watching.PIECE_BYTES", 1)
    monkeypatch.setattr("individuals.video.watching.MIN_PIECE_FRAMES", 8)
    pieces = sightings_of(path, sound="alone", frames_per_second=10.0)
    assert set(tracklets(pieces)) == set(tracklets(whole))
    assert len(pieces.table.sightings) > len(whole.table.sightings)
    assert set(modalities(pieces)) <= {"fused", "image"}


def test_a_detector_that_speaks_of_other_frames_is_refused(film, sightings_of):
    def confused(moments):
        return [Detection(m.frame_index + 1, m.time_seconds, (0.0, 0.0, 9.0, 9.0)) for m in moments]

    with pytest.raises(ValueError, match=r"detections in frames \[1, 3, .*which it was not shown"):
        sightings_of(film("walk.mp4", WALK), confused)


def found_by_truth(write_json, megadetector, aviary):
    """A MegaDetector file with the true boxes of the aviary's videos."""
    truth = json.loads(aviary.truth.read_text(encoding="utf-8"))["videos"]
    images = []
    for name, video in truth.items():
        width, height = video["width"], video["height"]
        detections = []
        for frame, birds in enumerate(video["frames"]):
            for bird in birds:
                left, top, right, bottom = np.array(bird["box"]) / ([width, height] * 2)
                box = [left, top, right - left, bottom - top]
                found = {"category": "1", "conf": 0.9, "frame_number": frame, "bbox": box}
                detections.append(found)
        images.append({"file": f"videos/{name}", "detections": detections})
    return write_json(megadetector(images)), truth


def test_a_detection_file_counts_the_aviarys_birds(write_json, megadetector, aviary, embedder):
    path, truth = found_by_truth(write_json, megadetector, aviary)
    videos = sorted(aviary.videos.glob("*.mp4"))
    counted = count_individuals(videos, embedder, threshold=1.0, detector=load_detections(path))
    for sighting in counted.table.sightings:
        birds = truth[Path(sighting.media).name]["frames"][sighting.frame_index]
        assert box_iou([sighting.box], [bird["box"] for bird in birds]).max() > 0.99
    expected = {str(video): truth[video.name]["count"] for video in videos}
    assert {video: min(n, 2) for video, n in counted.per_video.items()} == expected


def listed(megadetector, name, frames, **entry):
    box = {"category": "1", "conf": 0.9, "bbox": [0.1, 0.1, 0.3, 0.3]}
    return megadetector(
        [{"file": name, "detections": [{**box, "frame_number": f} for f in frames], **entry}]
    )


def test_frames_beyond_the_end_are_noted(film, write_json, megadetector, sightings_of):
    path = film("walk.mp4", WALK)
    found = load_detections(write_json(listed(megadetector, "walk.mp4", [0, 10, 20, 30])))
    seen = sightings_of(path, found)
    assert [d.frame_index for d in seen.table.sightings] == [0, 10]
    assert "2 frames with detections (from number 20) are beyond the end" in seen.notes[0]


def test_frames_all_beyond_the_end_are_refused(film, write_json, megadetector, sightings_of):
    path = film("walk.mp4", WALK)
    found = load_detections(write_json(listed(megadetector, "walk.mp4", [200, 210])))
    with pytest.raises(UnreadableMediaError, match=r"all 2 frames with detections .* beyond its"):
        sightings_of(path, found)


def test_an_empty_detection_file_gives_no_sightings(
    film, write_json, megadetector, sightings_of, tmp_path
):
    content = listed(megadetector, "walk.mp4", [])
    found = load_detections(write_json(content))
    seen = sightings_of(film("walk.mp4", WALK), found)
    assert (seen.table.sightings, len(seen.table.embeddings)) == ((), 0)
    (tmp_path / "walk.mp4").write_bytes(b"no longer a video")
    with pytest.raises(UnreadableMediaError):
        sightings_of(tmp_path / "walk.mp4", found)


@pytest.mark.data
def test_the_chaffinch_is_one_animal_and_is_heard(data_dir, sightings_of):
    path = data_dir / "video" / "chaffinch_singing.mp4"
    heard = sightings_of(path, detect_motion, min_detections=3, sound="alone")
    assert len(heard.table.sightings) >= 4
    assert "fused" in modalities(heard)
    assert all(d.time_seconds > 5.2 for d in heard.table.sightings)  # the sound began 5.3 s before


@pytest.mark.data
def test_the_gulls_on_a_silent_track_are_only_seen(data_dir, sightings_of):
    path = data_dir / "video" / "gulls_silent_track.mp4"
    seen = sightings_of(path, detect_whole_frames, follow=False, sound="alone", frames_per_second=1)
    assert set(modalities(seen)) == {"image"}
    assert "is silent" in seen.notes[0]
