"""The videos and their truth."""

import json

import av
import numpy as np
import pytest

from aviary.choreography import choose_casts
from aviary.individuals import generator_for
from aviary.layout import inhabitants
from aviary.videos import SAMPLE_RATE_HZ, make_film


@pytest.fixture(scope="module")
def truth(aviary):
    return json.loads(aviary.truth.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def film():
    known, _ = inhabitants("standard", 0)
    return make_film(known[:3], generator_for(7, "film"), size=(320, 240), duration_seconds=4.0)


def test_every_video_is_h264_with_aac_and_as_long_as_the_truth_says(aviary, truth):
    assert sorted(truth["videos"]) == sorted(path.name for path in aviary.videos.glob("*.mp4"))
    for name, video in truth["videos"].items():
        with av.open(str(aviary.videos / name)) as container:
            stream = container.streams.video[0]
            assert stream.codec_context.name == "h264"
            assert container.streams.audio[0].codec_context.name == "aac"
            assert (stream.width, stream.height) == (video["width"], video["height"])
            assert sum(1 for _ in container.decode(stream)) == video["num_frames"]
        assert len(video["frames"]) == video["num_frames"]


def test_the_truth_agrees_with_itself(aviary, truth):
    everyone = {name for video in truth["videos"].values() for name in video["individuals"]}
    assert set(truth["known"]) | set(truth["new"]) == everyone
    assert set(truth["known"]) <= set(aviary.class_names)
    assert not set(truth["new"]) & set(aviary.class_names)
    assert truth["count"] == len(everyone)
    for video in truth["videos"].values():
        in_boxes = {box["individual"] for boxes in video["frames"] for box in boxes}
        assert in_boxes == set(video["individuals"])
        assert video["count"] == len(in_boxes)


def test_someone_is_in_several_videos_and_someone_is_new(truth):
    assert truth["new"]
    assert truth["links"]
    for name, videos in truth["links"].items():
        assert len(videos) >= 2
        assert all(name in truth["videos"][video]["individuals"] for video in videos)


def test_boxes_lie_in_the_picture_and_pixels_outside_stay_as_they_are(film):
    is_background = np.ones((len(film.frames), 240, 320), bool)
    for number, boxes in enumerate(film.truth["frames"]):
        for left, top, right, bottom in (box["box"] for box in boxes):
            assert 0 <= left < right <= 320
            assert 0 <= top < bottom <= 240
            rows, columns = slice(max(0, top - 6), bottom + 6), slice(max(0, left - 6), right + 6)
            is_background[number, rows, columns] = False
    is_background[:, :, :60] = is_background[:, :, -60:] = False  # birds half out of the picture
    still = np.median(film.frames, axis=0)
    moved = np.abs(film.frames - still).max(axis=3) > 40
    always = is_background.mean(axis=0) > 0.6
    assert (moved & is_background)[:, always].mean() < 0.002
    assert moved[~is_background].mean() > 0.02


def test_birds_that_show_sing_one_at_a_time_and_can_be_heard(film):
    assert len(film.waveform) == 4 * SAMPLE_RATE_HZ
    is_song = np.zeros(len(film.waveform), bool)
    end_seconds = 0.0
    for song in film.truth["songs"]:
        assert song["start_seconds"] >= end_seconds
        start_seconds, end_seconds = song["start_seconds"], song["end_seconds"]
        for boxes in film.truth["frames"][int(start_seconds * 10) : int(end_seconds * 10) + 1]:
            assert song["individual"] in [box["individual"] for box in boxes]
        is_song[round(start_seconds * SAMPLE_RATE_HZ) : round(end_seconds * SAMPLE_RATE_HZ)] = 1
    high = np.diff(film.waveform, prepend=0)
    assert high[is_song].std() > high[~is_song].std()


def test_the_same_generator_gives_the_same_film():
    known, _ = inhabitants("tiny", 0)
    options = {"size": (160, 120), "duration_seconds": 1.0}
    one, other = (make_film(known[:1], generator_for(3, "film"), **options) for _ in range(2))
    assert np.array_equal(one.frames, other.frames)
    assert np.array_equal(one.waveform, other.waveform)
    assert one.truth == other.truth


@pytest.mark.parametrize("seed", range(4))
def test_casts_hold_no_bird_twice_and_no_two_look_alikes(seed):
    known, strangers = inhabitants("standard", seed)
    casts = choose_casts(known, strangers, (1, 2, 3, 4, 2, 3, 1, 2), generator_for(seed, "casts"))
    for cast in casts:
        assert len({bird.name for bird in cast}) == len(cast)
    everyone = {(bird.species.name, bird.number) for cast in casts for bird in cast}
    assert not any((species, 0) in everyone and (species, 2) in everyone for species, _ in everyone)
    assert any(bird in strangers for cast in casts for bird in cast)


def test_birds_that_share_a_branch_pass_one_another():
    known, _ = inhabitants("standard", 0)
    options = {"size": (320, 240), "duration_seconds": 6.0, "shares_branch": True}
    film = make_film(known[:2], generator_for(1, "crossing"), **options)
    sides = set()
    for boxes in film.truth["frames"]:
        left = {box["individual"]: box["box"][0] for box in boxes}
        if len(left) == 2:
            sides.add(left[known[0].name] < left[known[1].name])
    assert sides == {True, False}
