from pathlib import Path

import numpy as np
import pytest

from fused_encoder import as_front_end
from fused_encoder.photo import prepare_photo
from inference import Embedder
from media import UnreadableMediaError, load_image, load_waveform, resize_image, save_waveform

PAIRS = np.array([(0, 0), (0, 1), (1, 0), (2, 2), (1, -1), (-1, 2), (0, 0)])


def song(seconds: float) -> np.ndarray:
    """A rising whistle that sounds different everywhere."""
    times = np.arange(round(16_000 * seconds)) / 16_000
    return (0.4 * np.sin(2 * np.pi * (400 + 150 * times) * times)).astype(np.float32)


@pytest.fixture
def bad_files(tmp_path, photos):
    paths = {name: tmp_path / name for name in ("cut.jpg", "silent.wav", "short.wav", "text.wav")}
    paths["cut.jpg"].write_bytes(photos[0].read_bytes()[:300])
    save_waveform(paths["silent.wav"], np.zeros(16_000, np.float32), 16_000)
    save_waveform(paths["short.wav"], song(0.01), 16_000)
    paths["text.wav"].write_text("no sound")
    return {**paths, "gone.jpg": tmp_path / "gone.jpg", "gone.wav": tmp_path / "gone.wav"}


def test_the_exported_encoder_embeds_as_the_live_one(embedder, encoder, yamnet, photos, recordings):
    live = Embedder.from_encoder(encoder, yamnet, audio_seconds=2.0, max_windows=3)
    exported = embedder.embed(photos[:3], recordings[:3])
    np.testing.assert_allclose(exported, live.embed(photos[:3], recordings[:3]), atol=1e-5)
    assert embedder.fingerprint == live.fingerprint == exported.fingerprint


def test_a_long_recording_is_the_mean_of_its_windows(embedder, encoder, photos):
    sequence = embedder.front_end(song(5.0))  # 10 frames: windows at 0, 3 and 6
    photo = load_image(photos[0])[:224, :224]
    windows = np.stack([sequence[start : start + 4] for start in (0, 3, 6)])
    image = embedder.embed([photo], [song(5.0)])
    resized = np.repeat(resize_image(photo)[None] / np.float32(255), 3, axis=0)
    each = encoder({"image_input": resized, "audio_input": windows}, training=False)
    mean = np.asarray(each).mean(axis=0)
    np.testing.assert_allclose(image[0], mean / np.linalg.norm(mean), atol=1e-5)


def test_either_list_may_be_left_out_or_hold_none(embedder, photos, recordings):
    seen = embedder.embed(images=photos[:2])
    heard = embedder.embed(recordings=recordings[:2])
    mixed = embedder.embed(
        [load_image(photos[0]), None], [None, load_waveform(recordings[1], sample_rate_hz=16_000)]
    )
    np.testing.assert_allclose(mixed, np.stack([seen[0], heard[1]]), atol=1e-5)


def test_order_is_kept_over_several_batches_and_batches_do_not_matter(embedder, photos):
    many = (photos * 2)[:35]
    together = embedder.embed(many)
    alone = np.concatenate([embedder.embed([photo]) for photo in many[::17]])
    np.testing.assert_allclose(together[::17], alone, atol=1e-5)


def test_no_pairs_give_no_embeddings(embedder):
    assert embedder.embed([], []).shape == (0, 128)
    assert embedder.embed_combinations([], [], np.zeros((0, 2), int)).shape == (0, 128)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, None), "Expected images, recordings or both, received neither"),
        ((["a.jpg"], ["a.wav", "b.wav"]), "as many images as recordings, received 1 and 2"),
        (("a.jpg", None), r"a list of images, received the single path 'a\.jpg'"),
        ((None, Path("a.wav")), r"a list of recordings, received the single path 'a\.wav'"),
        ((["a.jpg", None], ["a.wav", None]), r"Pairs \[1\] have neither a photo nor a recording"),
    ],
)
def test_lists_that_do_not_fit_are_refused(embedder, arguments, message):
    with pytest.raises(ValueError, match=message):
        embedder.embed(*arguments)


def test_all_files_that_cannot_be_used_come_in_one_message(embedder, bad_files, photos):
    images = [bad_files["cut.jpg"], photos[0], bad_files["gone.jpg"], None]
    recordings = [None, bad_files["silent.wav"], None, bad_files["short.wav"]]
    with pytest.raises(UnreadableMediaError) as caught:
        embedder.embed(images, recordings)
    message = str(caught.value)
    assert caught.value.path == bad_files["cut.jpg"]
    assert "3 more files cannot be used" in message
    for name in ("cut.jpg", "gone.jpg", "silent.wav", "short.wav"):
        assert str(bad_files[name]) in message


def test_the_readable_pairs_are_kept_with_their_positions(embedder, bad_files, photos, recordings):
    images = [photos[0], bad_files["cut.jpg"], photos[1], photos[2], photos[3]]
    sounds = [recordings[0], recordings[1], bad_files["text.wav"], bad_files["gone.wav"], None]
    embeddings, kept, skipped = embedder.embed_readable(images, sounds)
    assert kept == [0, 4]
    np.testing.assert_allclose(
        embeddings, embedder.embed([photos[0], photos[3]], [recordings[0], None]), atol=1e-5
    )
    left_out = [(pair.position, pair.path.name) for pair in skipped]
    assert left_out == [(1, "cut.jpg"), (2, "text.wav"), (3, "gone.wav")]


def test_an_array_that_is_no_photo_is_listed_by_its_position(embedder, photos):
    _, kept, skipped = embedder.embed_readable([photos[0], np.zeros((4, 4), np.uint8)])
    assert kept == [0]
    assert (skipped[0].position, str(skipped[0].path)) == (1, "pair 1")
    assert "uint8 [height, width, 3], received uint8 [4, 4]" in skipped[0].reason


def test_the_front_end_inside_is_the_one_it_was_made_with(embedder, yamnet):
    inside, outside = embedder.front_end, as_front_end(yamnet)
    assert (inside.spec, inside.windows_per_call) == (outside.spec, 64)
    sounds = [song(1.0), song(40.0), song(0.5)]
    for frames, expected in zip(
        inside.embed_sounds(sounds), outside.embed_sounds(sounds), strict=True
    ):
        np.testing.assert_allclose(frames, expected, atol=1e-5)


@pytest.fixture(scope="module")
def features(photos):
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(n, 1024)).astype(np.float32) for n in (2, 30, 7)]
    return [prepare_photo(load_image(photo)) for photo in photos[:3]], sequences


def one_by_one(embedder, images, sequences):
    rows = [
        embedder.embed_features([None if i < 0 else images[i]], [None if j < 0 else sequences[j]])
        for i, j in PAIRS
    ]
    return np.concatenate(rows)


@pytest.mark.parametrize("kind", ["live", "exported"])
def test_combinations_are_embedded_as_pair_by_pair(kind, embedder, encoder, yamnet, features):
    if kind == "live":
        embedder = Embedder.from_encoder(encoder, yamnet, audio_seconds=2.0, max_windows=3)
    found = embedder.embed_combinations(*features, PAIRS)
    np.testing.assert_allclose(found, one_by_one(embedder, *features), atol=1e-6)
    assert found.fingerprint == embedder.fingerprint


def test_each_photo_is_looked_at_once_over_several_batches(embedder, features, monkeypatch):
    embedder = Embedder(embedder._model, embedder.settings)  # which has seen nothing yet
    looks = []
    see = embedder._model.see
    monkeypatch.setattr(
        embedder._model, "see", lambda photos: looks.append(len(photos)) or see(photos)
    )
    many = np.array([(i, j) for i in range(3) for j in range(3)] * 5)
    assert embedder.embed_combinations(*features, many).shape == (45, 128)
    assert looks == [3, 1]  # the three, and the absent one
