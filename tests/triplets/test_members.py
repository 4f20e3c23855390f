"""Members: what is read for a batch, and how it is labelled."""

import numpy as np

from triplets.pipeline import DRAWN, MemberLoader
from triplets.prepared import distinct_files, source_ids


def _starts_seen(media, window_frames: int, recording: int) -> set[int]:
    loader = MemberLoader(media, window_frames=window_frames)
    rng = np.random.default_rng(0)
    many = np.full(60, recording)
    _, audio = loader.load(np.full(60, -1), many, np.full(60, DRAWN), rng)
    whole = media.recordings[recording].feature()
    starts = range(max(1, len(whole) - window_frames + 1))
    return {s for s in starts for window in audio if np.array_equal(window[0], whole[s])}


def test_drawn_windows_lie_wherever_they_fit(media):
    length = len(media.recordings[0].feature())
    assert _starts_seen(media, 1, 0) == set(range(length))
    assert _starts_seen(media, length - 1, 0) == {0, 1}
    assert _starts_seen(media, length + 5, 0) == {0}


def test_a_fixed_window_is_read_from_its_first_frame_and_padded(media):
    whole = media.recordings[2].feature()
    loader = MemberLoader(media, window_frames=len(whole))
    _, audio = loader.load(np.array([0]), np.array([2]), np.array([1]), np.random.default_rng(0))
    np.testing.assert_array_equal(audio[0, :-1], whole[1:])
    assert not audio[0, -1].any()


def test_what_is_absent_is_zeros_and_labelled_so(media):
    loader = MemberLoader(media, window_frames=3)
    images, recordings = np.array([6, -1]), np.array([-1, 7])
    photos, audio = loader.load(images, recordings, np.zeros(2, int), np.random.default_rng(0))
    assert photos[0].any()
    assert audio[1].any()
    assert not photos[1].any()
    assert not audio[0].any()
    classes = media.images[6].class_index, media.recordings[7].class_index
    expected = [[classes[0], 6, -1], [classes[1], -1, 7]]
    np.testing.assert_array_equal(loader.labels(images, recordings), expected)


def test_files_of_equal_content_have_equal_ids(media):
    files = [media.images[i] for i in (3, 5, 3, 4, 5)]
    assert source_ids(files).tolist() == [0, 1, 0, 3, 1, -1]


def test_of_equal_files_of_a_class_the_first_is_kept(media):
    files = [media.images[i] for i in (3, 4, 3, 19, 4, 19)]
    kept = {index: places.tolist() for index, places in distinct_files(files).items()}
    assert kept == {media.images[3].class_index: [0, 1], media.images[19].class_index: [3]}
