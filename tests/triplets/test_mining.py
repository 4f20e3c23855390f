"""Mining, against nested loops: which files make a triplet, and how hard the negative is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import triplets.mining
from triplets import PreparedFile, PreparedMedia, Skipped
from triplets.candidates import CandidatePairs, draw_candidate_pairs, mean_sequences
from triplets.mining import MINING_WAYS, TripletRow, mine_triplets

FILES_PER_CLASS = 4


def _media(num_classes: int = 3, contents: str | None = None) -> PreparedMedia:
    """Files without features, for mining on `embeddings`; each letter is one content."""

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
def test_members_have_the_classes_that_their_roles_say(mining):
    media = _media()
    rows = mine_triplets(media, 30, mining=mining, embeddings=_vectors(media))
    for number, row in enumerate(rows):
        photos = [media.images[index].class_index for index in row[::2]]
        recordings = [media.recordings[index].class_index for index in row[1::2]]
        assert photos == recordings
        assert photos[0] == photos[1] != photos[2]
        assert photos[0] == number // 30  # as many of each class as asked for
    assert len(rows) == 90


def test_anchor_and_positive_never_share_a_content_even_among_copies():
    media = _media(2, contents="aaabcccd")
    for row in mine_triplets(media, 200, embeddings=_vectors(media)):
        photos = [media.images[index].content for index in row[:4:2]]
        recordings = [media.recordings[index].content for index in row[1:4:2]]
        assert photos[0] != photos[1]
        assert recordings[0] != recordings[1]


@pytest.mark.parametrize("mining", MINING_WAYS)
def test_a_negative_never_holds_the_bytes_of_the_anchor(mining):
    media = _media(2, contents="abcaadea")  # "a" stands in both classes: one label is wrong
    vectors = np.eye(26)[[ord(letter) - ord("a") for letter in "abcaadea"]]
    for row in mine_triplets(media, 100, mining=mining, embeddings=vectors):
        anchor, negative = row.anchor_recording, row.negative_recording
        assert media.recordings[anchor].content != media.recordings[negative].content
        assert media.images[row.anchor_image].content != media.images[row.negative_image].content


def test_the_same_seed_gives_the_same_triplets_and_another_seed_others():
    media = _media()
    vectors = _vectors(media)
    first, again, other = (mine_triplets(media, 20, embeddings=vectors, seed=s) for s in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("mining", MINING_WAYS)
@pytest.mark.parametrize("seed", range(3))
def test_negatives_are_as_hard_as_their_way_says(mining, seed):
    media = _media()
    vectors = _vectors(media, seed)
    for row in mine_triplets(media, 20, mining=mining, embeddings=vectors, seed=seed):
        similarity = dict(enumerate(vectors @ vectors[row.anchor_recording]))
        others = _others(media, row.anchor_recording)
        farther = [i for i in others if similarity[i] < similarity[row.positive_recording]]
        hardest = max(others, key=similarity.__getitem__)
        assert (
            row.negative_recording
            in {
                "hard": [hardest],
                "semi-hard": [max(farther or others, key=similarity.__getitem__)],
                "cosine": [i for i in others if similarity[i] >= 0.6] or [hardest],
            }[mining]
        )


def test_all_cosine_negatives_that_are_similar_enough_get_their_turn():
    media = _media(2)
    rows = mine_triplets(media, 100, min_similarity=-1, embeddings=_vectors(media))
    assert {row.negative_recording for row in rows} == set(range(2 * FILES_PER_CLASS))


def test_the_length_of_the_vectors_does_not_matter():
    media = _media()
    vectors = _vectors(media)
    lengths = np.random.default_rng(1).uniform(0.1, 9, (len(vectors), 1))
    rows = mine_triplets(media, 20, embeddings=vectors)
    assert mine_triplets(media, 20, embeddings=vectors * lengths) == rows


def test_recordings_are_compared_by_their_mean_sequences_unless_told_otherwise(media):
    expected = [np.load(file.feature_path).mean(axis=0) for file in media.recordings]
    np.testing.assert_allclose(mean_sequences(media), expected, rtol=1e-6)
    rows = mine_triplets(media, 5, mining="hard")
    assert rows == mine_triplets(media, 5, mining="hard", embeddings=np.array(expected))


def _pairs(media: PreparedMedia, num_pairs_per_class: int = 9, seed: int = 0) -> CandidatePairs:
    images, recordings = draw_candidate_pairs(media, num_pairs_per_class, seed=seed)
    vectors = np.random.default_rng(seed).normal(size=(len(images), 6)).astype(np.float32)
    return CandidatePairs(images, recordings, vectors)


def _shares_file(media: PreparedMedia, one: tuple[int, int], other: tuple[int, int]) -> bool:
    same_photo = media.images[one[0]].content == media.images[other[0]].content
    return same_photo or media.recordings[one[1]].content == media.recordings[other[1]].content


def _slow_negatives(
    media: PreparedMedia, pairs: CandidatePairs, row: TripletRow, mining: str
) -> set[tuple[int, int]]:
    """All pairs that may be the negative of a row's anchor and positive, by loops."""
    similarity = {
        (int(image), int(recording)): pairs.embeddings[index]
        / np.linalg.norm(pairs.embeddings[index])
        for index, (image, recording) in enumerate(zip(pairs.images, pairs.recordings, strict=True))
    }
    anchor = similarity[row[:2]]
    similarity = {pair: float(vector @ anchor) for pair, vector in similarity.items()}
    own = media.images[row.anchor_image].class_index
    others = {
        pair
        for pair in similarity
        if media.images[pair[0]].class_index != own and not _shares_file(media, pair, row[:2])
    }
    hardest = {max(others, key=similarity.__getitem__)}
    farther = {pair for pair in others if similarity[pair] < similarity[row[2:4]]}
    return {
        "hard": hardest,
        "semi-hard": {max(farther, key=similarity.__getitem__)} if farther else hardest,
        "cosine": {pair for pair in others if similarity[pair] >= 0.6} or hardest,
    }[mining]


@pytest.mark.parametrize("mining", MINING_WAYS)
@pytest.mark.parametrize("contents", [None, "abcdefghijkl", "aabcddefaghi"])
def test_negatives_of_pairs_are_chosen_by_photo_and_call_together(mining, contents):
    media = _media(3, contents)
    pairs = _pairs(media)
    rows = mine_triplets(media, 40, mining=mining, embeddings=pairs)
    assert len(rows) == 120
    for row in rows:
        assert row[4:] in _slow_negatives(media, pairs, row, mining)


def test_all_members_are_candidates_and_anchor_and_positive_share_no_file():
    media = _media(2, contents="aaabcccd")
    pairs = _pairs(media)
    candidates = set(zip(pairs.images.tolist(), pairs.recordings.tolist(), strict=True))
    for row in mine_triplets(media, 50, embeddings=pairs):
        assert {row[:2], row[2:4], row[4:]} <= candidates
        assert not _shares_file(media, row[:2], row[2:4])


def test_every_candidate_is_an_anchor_before_any_is_one_again():
    media = _media(2)
    pairs = _pairs(media, num_pairs_per_class=16)
    rows = mine_triplets(media, 32, embeddings=pairs)
    anchors = [row[:2] for row in rows]
    assert len(set(anchors[:16])) == len(set(anchors[32:48])) == 16
    positives = {row[2:4] for row in rows}
    assert len(positives) > 20


@pytest.mark.parametrize("mining", MINING_WAYS)
def test_blocks_of_any_size_give_the_same_triplets(mining, monkeypatch):
    media = _media()
    rows = mine_triplets(media, 20, mining=mining, embeddings=_pairs(media))
    monkeypatch.setattr(triplets.mining, "BLOCK_SIZE", 40)  # one anchor at a time
    assert mine_triplets(media, 20, mining=mining, embeddings=_pairs(media)) == rows


def test_a_function_of_the_media_may_give_the_embeddings():
    media = _media()
    rows = mine_triplets(media, 20, embeddings=_pairs(media))
    assert mine_triplets(media, 20, embeddings=_pairs) == rows
    vectors = mine_triplets(media, 20, embeddings=_vectors(media))
    assert mine_triplets(media, 20, embeddings=_vectors) == vectors


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        (np.zeros((11, 3)), r"embeddings \[12 recordings, size\], .* received shape \(11, 3\)"),
        (np.zeros(12), r"received shape \(12,\)"),
        (np.full((12, 2), np.nan), "NaN or infinity, in 12 of 12 recordings; the first is number"),
        (
            CandidatePairs(np.array([0, 1, 4, 5]), np.array([0, 0, 4, 5]), np.eye(4)),
            "among the candidate pairs of 'class0', 'class2' no two are without a common photo",
        ),
        (
            CandidatePairs(np.array([0, 1]), np.array([1, 5]), np.eye(2)),
            "1 candidate pairs have a photo of one class and a recording of another; .* pair 1",
        ),
    ],
)
def test_embeddings_that_do_not_fit_are_refused(embeddings, message):
    with pytest.raises(ValueError, match=message):
        mine_triplets(_media(), 1, embeddings=embeddings)


def test_a_class_whose_candidates_all_share_a_file_with_the_other_is_refused():
    media = _media(2, contents="abcdabef")  # two files of class0 lie in class1 too
    pairs = CandidatePairs(np.array([0, 1, 4, 5]), np.array([1, 0, 4, 5]), np.eye(4))
    with pytest.raises(ValueError, match=r"shares a file with one of class 'class0'\. Remove the"):
        mine_triplets(media, 1, embeddings=pairs)


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
        "class 'class0' has 1 usable photos and 1 usable recordings of different content, at least 2 of a "
        "kind are needed (an anchor and a positive never share a file)",
        "skipped 'dir/torn.jpg': it is cut off",
    ]


def test_classes_with_one_kind_of_file_stand_beside_those_with_both():
    """Class 0 has both, class 1 photos only, class 2 recordings only, class 3 one photo more."""
    media = _media(4)
    keep = {"images": (0, 1), "recordings": (0, 2)}
    media = replace(
        media,
        **{
            kind: tuple(file for file in getattr(media, kind) if file.class_index in (*classes, 3))
            for kind, classes in keep.items()
        },
    )
    images, recordings = draw_candidate_pairs(media)
    embeddings = np.random.default_rng(0).normal(size=(len(images), 5))
    rows = mine_triplets(media, 6, embeddings=CandidatePairs(images, recordings, embeddings))
    assert len(rows) == 24
    for position, row in enumerate(np.array(rows).reshape(-1, 3, 2)):
        own = position // 6
        for (image, recording), is_own in zip(row.tolist(), (True, True, False), strict=True):
            classes = {media.images[image].class_index} if image >= 0 else set()
            classes |= {media.recordings[recording].class_index} if recording >= 0 else set()
            assert len(classes) == 1
            assert (classes == {own}) == is_own
        (anchor, positive, _) = row.tolist()
        assert not {*enumerate(anchor)} & {*enumerate(positive)} - {(0, -1), (1, -1)}
