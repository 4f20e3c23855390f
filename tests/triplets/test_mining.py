"""Mining, against nested loops: which files make a triplet, and how hard the negative is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from triplets import PreparedFile, PreparedMedia, Skipped
from triplets.mining import MINING_WAYS, mean_sequences, mine_triplets

FILES_PER_CLASS = 4


def _media(num_classes: int = 3, contents: str | None = None) -> PreparedMedia:
    """Files without features, for mining on `recording_vectors`; each letter is one content."""

    def files(kind: str) -> tuple[PreparedFile, ...]:
        names = contents or [str(number) for number in range(num_classes * FILES_PER_CLASS)]
        return tuple(
            PreparedFile(Path(f"{kind}{i}"), i // FILES_PER_CLASS, f"{kind}-{name}", Path("unused"))
            for i, name in enumerate(names)
        )

    names = tuple(f"class{index}" for index in range(num_classes))
    return PreparedMedia(names, files("photo"), files("recording"))


def _vectors(media: PreparedMedia, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(len(media.recordings), 5))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _others(media: PreparedMedia, anchor: int) -> list[int]:
    own = media.recordings[anchor]
    return [
        index
        for index, file in enumerate(media.recordings)
        if file.class_index != own.class_index and file.content != own.content
    ]


@pytest.mark.parametrize("mining", MINING_WAYS)
def test_each_class_gets_exactly_as_many_triplets_as_asked_for(mining):
    media = _media()
    rows = mine_triplets(media, 7, mining=mining, recording_vectors=_vectors(media))
    anchors = [media.recordings[row.anchor_recording].class_index for row in rows]
    assert anchors == [0] * 7 + [1] * 7 + [2] * 7


@pytest.mark.parametrize("mining", MINING_WAYS)
def test_members_have_the_classes_that_their_roles_say(mining):
    media = _media()
    for row in mine_triplets(media, 30, mining=mining, recording_vectors=_vectors(media)):
        photos = [media.images[index].class_index for index in row[::2]]
        recordings = [media.recordings[index].class_index for index in row[1::2]]
        assert photos == recordings
        assert photos[0] == photos[1] != photos[2]


def test_anchor_and_positive_never_share_a_content_even_among_copies():
    media = _media(2, contents="aaabcccd")
    for row in mine_triplets(media, 200, recording_vectors=_vectors(media)):
        photos = [media.images[index].content for index in row[:4:2]]
        recordings = [media.recordings[index].content for index in row[1:4:2]]
        assert photos[0] != photos[1]
        assert recordings[0] != recordings[1]


@pytest.mark.parametrize("mining", MINING_WAYS)
def test_a_negative_never_holds_the_bytes_of_the_anchor(mining):
    media = _media(2, contents="abcaadea")  # "a" stands in both classes: one label is wrong
    vectors = np.eye(26)[[ord(letter) - ord("a") for letter in "abcaadea"]]
    for row in mine_triplets(media, 100, mining=mining, recording_vectors=vectors):
        anchor, negative = row.anchor_recording, row.negative_recording
        assert media.recordings[anchor].content != media.recordings[negative].content
        assert media.images[row.anchor_image].content != media.images[row.negative_image].content


def test_the_same_seed_gives_the_same_triplets_and_another_seed_others():
    media = _media()
    first, again, other = (
        mine_triplets(media, 20, recording_vectors=_vectors(media), seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize("seed", range(5))
def test_cosine_negatives_are_similar_enough_wherever_one_is(seed):
    media = _media()
    vectors = _vectors(media, seed)
    for row in mine_triplets(media, 30, recording_vectors=vectors, seed=seed):
        similarity = {i: vectors[i] @ vectors[row.anchor_recording] for i in _others(media, row[1])}
        if max(similarity.values()) >= 0.6:
            assert similarity[row.negative_recording] >= 0.6
        else:
            assert row.negative_recording == max(similarity, key=similarity.__getitem__)


def test_all_cosine_negatives_that_are_similar_enough_get_their_turn():
    media = _media(2)
    rows = mine_triplets(media, 100, min_similarity=-1, recording_vectors=_vectors(media))
    assert {row.negative_recording for row in rows} == set(range(2 * FILES_PER_CLASS))


@pytest.mark.parametrize("seed", range(3))
def test_hard_negatives_are_the_most_similar_of_all(seed):
    media = _media()
    vectors = _vectors(media, seed)
    for row in mine_triplets(media, 20, mining="hard", recording_vectors=vectors):
        others = _others(media, row.anchor_recording)
        hardest = max(others, key=lambda i: float(vectors[i] @ vectors[row.anchor_recording]))
        assert row.negative_recording == hardest


@pytest.mark.parametrize("seed", range(3))
def test_semi_hard_negatives_are_the_most_similar_that_are_less_so_than_the_positive(seed):
    media = _media()
    vectors = _vectors(media, seed)
    for row in mine_triplets(media, 20, mining="semi-hard", recording_vectors=vectors):
        similarity = {i: vectors[i] @ vectors[row.anchor_recording] for i in range(len(vectors))}
        others = _others(media, row.anchor_recording)
        farther = [i for i in others if similarity[i] < similarity[row.positive_recording]]
        assert row.negative_recording == max(farther or others, key=similarity.__getitem__)


def test_the_length_of_the_vectors_does_not_matter():
    media = _media()
    vectors = _vectors(media)
    lengths = np.random.default_rng(1).uniform(0.1, 9, (len(vectors), 1))
    rows = mine_triplets(media, 20, recording_vectors=vectors)
    assert mine_triplets(media, 20, recording_vectors=vectors * lengths) == rows


def test_recordings_are_compared_by_their_mean_sequences_unless_told_otherwise(media):
    expected = [np.load(file.feature_path).mean(axis=0) for file in media.recordings]
    np.testing.assert_allclose(mean_sequences(media), expected, rtol=1e-6)
    rows = mine_triplets(media, 5, mining="hard")
    assert rows == mine_triplets(media, 5, mining="hard", recording_vectors=np.array(expected))


def test_all_that_is_wrong_comes_in_one_message_with_what_was_skipped():
    media = _media(1, contents="aaaa")
    media = replace(media, skipped=(Skipped(Path("dir/torn.jpg"), "it is cut off"),))
    with pytest.raises(ValueError, match="Triplets cannot be mined") as error:
        mine_triplets(media, 0, mining="easy", min_similarity=2)
    assert str(error.value).split("\n  - ")[1:] == [
        "expected num_triplets_per_class >= 1, received 0",
        "expected mining to be one of ('cosine', 'semi-hard', 'hard'), received 'easy'",
        "expected min_similarity in [-1, 1], received 2",
        "triplets need at least two classes, received 1",
        *(
            f"class 'class0' has 1 usable {what} of different content, at least 2 are needed "
            "(an anchor and a positive never share one)"
            for what in ("photo", "recording")
        ),
        "skipped 'dir/torn.jpg': it is cut off",
    ]


def test_a_class_of_which_nothing_could_be_used_is_named():
    media = _media(2)
    media = replace(media, images=media.images[:FILES_PER_CLASS])
    with pytest.raises(ValueError, match="class 'class1' has 0 usable photos"):
        mine_triplets(media, 1, recording_vectors=_vectors(media))
