"""`prepare_triplets`: from folders to triplets, in one call."""

from __future__ import annotations

from pathlib import Path

from fused_encoder.front_ends.contract import AudioFrontEnd
from media import Resampler
from triplets.candidates import Embeddings, EmbedMedia
from triplets.dataset import Triplets
from triplets.features import Yamnet, prepare_media
from triplets.folders import scan_folders
from triplets.mining import Mining, mine_triplets, option_problems
from triplets.prepared import PreparedMedia
from triplets.store import FeatureStore


def prepare_triplets(
    image_dir: str | Path | None,
    audio_dir: str | Path | None = None,
    yamnet_model: Yamnet | AudioFrontEnd | None = None,
    num_triplets_per_class: int = 100,
    *,
    mining: Mining = "cosine",
    embeddings: Embeddings | EmbedMedia | None = None,
    audio_seconds: float = 5.0,
    max_audio_seconds: float | None = 30.0,
    resampler: Resampler = "soxr_hq",
    store: FeatureStore | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Triplets:
    """Hard-negative triplets from class folders of photos, of recordings, or of both.

    Scans the trees, decodes each photo and has the front end hear each recording once (ever:
    see `FeatureStore`), and mines triplets of pairs. A file that cannot be read is skipped and listed in
    `triplets.skipped`; everything that is wrong with the folders comes in one error.

    Args:
        image_dir: one sub-folder per class with photos; or None.
        audio_dir: one sub-folder per class, of the same names, with recordings; or None. A class may have
            photos only, or recordings only.
        yamnet_model: what `hub.load` or `load_yamnet` returns, or any callable waveform float32
            [num_samples] -> (scores, embeddings [num_frames, 1024], log mel), or any audio front end; None
            where there are no recordings.
        num_triplets_per_class: int >= 1. Default 100.
        mining: how negatives are chosen: see `mine_triplets`.
        embeddings: what candidates are compared by: None (default), the recordings' mean
            frames, or small versions of the photos where a class has no recordings; an array float32
            [num_recordings, size] in the order of `triplets.media.recordings`; `CandidatePairs`; or a
            function of the prepared media that gives either, such as
            `lambda media: embed_candidates(encoder, media)`.
        audio_seconds: float > 0, how much sound a member of a triplet holds. Default 5.0.
        max_audio_seconds: float or None (all), how much of a recording is read, from its start; each
            member gets a window of `audio_seconds` drawn from that. Default 30.0. The published code
            reads 5.0 and so always takes the first window.
        resampler: "soxr_hq", or "kaiser_best" (resampy) as in the published code, which is slower and
            loses the highest pitches.
        store: where features are kept. Default: the user's cache.
        seed: the same seed gives the same triplets.
        progress: whether to show bars.

    Returns:
        `Triplets`, a sequence of named 6-tuples in the published order.

    Raises:
        FileNotFoundError: one of the folders does not exist.
        ValueError: the folders, the options or the embeddings cannot be used (all problems of one kind
            in one message).
        OSError: the disk is full or not writable.
    """
    _check_options(num_triplets_per_class, mining, audio_seconds)
    folders = scan_folders(image_dir, audio_dir)
    media = prepare_media(
        folders,
        yamnet_model,
        max_audio_seconds=max_audio_seconds,
        resampler=resampler,
        store=store,
        progress=progress,
    )
    return triplets_from_media(
        media,
        num_triplets_per_class,
        mining=mining,
        embeddings=embeddings,
        audio_seconds=audio_seconds,
        seed=seed,
    )


def triplets_from_media(
    media: PreparedMedia,
    num_triplets_per_class: int = 100,
    *,
    mining: Mining = "cosine",
    embeddings: Embeddings | EmbedMedia | None = None,
    audio_seconds: float = 5.0,
    seed: int = 0,
) -> Triplets:
    """Triplets of photos and recordings that are prepared already; arguments as `prepare_triplets`."""
    rows = mine_triplets(
        media, num_triplets_per_class, mining=mining, embeddings=embeddings, seed=seed
    )
    return Triplets(media, rows, window_frames=media.front_end.frames_in(audio_seconds), seed=seed)


def _check_options(num_triplets_per_class: int, mining: str, audio_seconds: float) -> None:
    problems = option_problems(num_triplets_per_class, mining)
    if not 0 < audio_seconds < float("inf"):
        problems.append(f"expected audio_seconds > 0, received {audio_seconds}")
    if problems:
        raise ValueError(f"Triplets cannot be prepared: {'; '.join(problems)}.")
