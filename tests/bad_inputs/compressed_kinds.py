"""Compressed recordings that are cut, joined or damaged, and files that are no recordings at all."""

import struct
from pathlib import Path

import numpy as np

from tests.bad_inputs.good_media import (
    encoded_sound,
    film,
    flipped,
    mp3_without_table,
    song,
    wav_of,
)
from tests.bad_inputs.kind import KindTable

Rng = np.random.Generator
COMPRESSED_KINDS = KindTable()
COMPRESSED_KINDS.add_no_media("recording", ".wav")


@COMPRESSED_KINDS.add("recording", ".m4a", "unreadable", says="found text ('#EXTM3U")
def playlist_named_m4a(path: Path, rng: Rng) -> None:
    """Playlist that names an address on the network, as a recording; nothing is fetched."""
    path.write_text("#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/song.ts\n#EXT-X-ENDLIST\n", "utf-8")


@COMPRESSED_KINDS.add("recording", ".wav", "unreadable", says="found a ZIP archive")
def zip_named_wav(path: Path, rng: Rng) -> None:
    """ZIP archive named .wav."""
    path.write_bytes(b"PK\x03\x04" + rng.bytes(3000))


@COMPRESSED_KINDS.add("recording", ".mp3", "unreadable", says="cannot be decoded")
def noise_named_mp3(path: Path, rng: Rng) -> None:
    """Random bytes named .mp3."""
    path.write_bytes(b"\x8a\x02" + rng.bytes(3000))


@COMPRESSED_KINDS.add("recording", ".mp3", "unreadable", says="found an MP3 recording")
def tag_without_sound(path: Path, rng: Rng) -> None:
    """MP3 of a tag and no sound."""
    path.write_bytes(b"ID3\x04\x00\x00\x00\x00\x03\x00" + bytes(384))


@COMPRESSED_KINDS.add("recording", ".mp3", "ok", "read by content")
def wav_named_mp3(path: Path, rng: Rng) -> None:
    """WAV named .mp3."""
    path.write_bytes(wav_of(song(rng)))


@COMPRESSED_KINDS.add("recording", ".wav", "ok", "read by content")
def mp3_named_wav(path: Path, rng: Rng) -> None:
    """MP3 named .wav."""
    path.write_bytes(encoded_sound(song(rng), "MP3"))


@COMPRESSED_KINDS.add("recording", ".flac", "partial", "the part before the cut")
def flac_cut_short(path: Path, rng: Rng) -> None:
    """FLAC that ends in its middle."""
    whole = encoded_sound(song(rng), "FLAC")
    path.write_bytes(whole[: len(whole) // 2])


@COMPRESSED_KINDS.add("recording", ".flac", "partial", "what can be decoded")
def flac_with_flipped_bytes(path: Path, rng: Rng) -> None:
    """FLAC with changed bytes in its middle."""
    whole = encoded_sound(song(rng), "FLAC")
    path.write_bytes(flipped(whole, rng, 30, len(whole) // 2, len(whole) * 3 // 4))


@COMPRESSED_KINDS.add("recording", ".ogg", "partial", "the part before the cut")
def ogg_cut_short(path: Path, rng: Rng) -> None:
    """Ogg Vorbis that ends in its middle."""
    whole = encoded_sound(song(rng, 4.0), "OGG", "VORBIS")
    path.write_bytes(whole[: len(whole) * 2 // 3])


@COMPRESSED_KINDS.add("recording", ".mp3", "partial", "the part before the cut")
def mp3_cut_short(path: Path, rng: Rng) -> None:
    """MP3 with a table of contents that ends in its middle."""
    whole = encoded_sound(song(rng, 4.0), "MP3")
    path.write_bytes(whole[: len(whole) // 2])


@COMPRESSED_KINDS.add(
    "recording", ".mp3", "partial", "the part before the cut; noticed unless cut between frames"
)
def mp3_without_table_cut_short(path: Path, rng: Rng) -> None:
    """MP3 without a table of contents that ends inside a frame."""
    whole = mp3_without_table(encoded_sound(song(rng, 4.0), "MP3"))
    path.write_bytes(whole[: len(whole) // 2 + 5])


@COMPRESSED_KINDS.add("recording", ".mp3", "ok", "the whole sound")
def mp3_without_a_table(path: Path, rng: Rng) -> None:
    """MP3 without a table of contents."""
    path.write_bytes(mp3_without_table(encoded_sound(song(rng), "MP3")))


@COMPRESSED_KINDS.add(
    "recording", ".mp3", "partial", "the sound on both sides", says="could not be decoded"
)
def mp3_with_junk(path: Path, rng: Rng) -> None:
    """MP3 with foreign bytes in its middle."""
    whole = encoded_sound(song(rng, 4.0), "MP3")
    middle = whole.index(b"\xff\xf3", len(whole) // 2)  # between two frames
    junk = rng.integers(0, 128, 700, dtype=np.uint8)  # no 0xFF, with which a frame begins
    path.write_bytes(whole[:middle] + junk.tobytes() + whole[middle:])


@COMPRESSED_KINDS.add("recording", ".mp3", "ok", "the sound behind where the tag claims to end")
def tag_of_wrong_size(path: Path, rng: Rng) -> None:
    """MP3 whose tag says that it is longer than it is."""
    tag = b"ID3\x04\x00\x00\x00\x00\x10\x00" + bytes(200)
    path.write_bytes(tag + encoded_sound(song(rng, 4.0), "MP3"))


@COMPRESSED_KINDS.add("recording", ".mp3", "unreadable", says="found an MP3 recording")
def tag_longer_than_the_file(path: Path, rng: Rng) -> None:
    """MP3 whose tag says that it is longer than the file."""
    tag = b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + bytes(200)
    path.write_bytes(tag + encoded_sound(song(rng), "MP3"))


@COMPRESSED_KINDS.add("recording", ".mp3", "partial", "the part before the change")
def mp3s_of_two_rates_joined(path: Path, rng: Rng) -> None:
    """Two MP3s of different sample rates, one behind the other in one file."""
    second = encoded_sound(song(rng, 2.0, 32000), "MP3", rate_hz=32000)
    path.write_bytes(encoded_sound(song(rng), "MP3") + second)


@COMPRESSED_KINDS.add("recording", ".mka", "ok", "the mean of the channels")
def sixteen_channels(path: Path, rng: Rng) -> None:
    """WavPack of 16 channels, from an array of microphones."""
    path.write_bytes(
        film(rng, container="matroska", num_frames=0, sound_codec="wavpack", layout="hexadecagonal")
    )


@COMPRESSED_KINDS.add("recording", ".m4a", "unreadable", says="expected a recording, found an")
def m4a_without_index(path: Path, rng: Rng) -> None:
    """M4A that lost its end, where the index is."""
    whole = film(rng, container="ipod", num_frames=0)
    path.write_bytes(whole[: whole.index(b"moov")])


@COMPRESSED_KINDS.add("recording", ".m4a", "partial", "the part before the cut")
def m4a_cut_short(path: Path, rng: Rng) -> None:
    """M4A with its index at the front that ends in its middle."""
    whole = film(rng, container="ipod", num_frames=0, seconds=4.0, is_fast_start=True)
    path.write_bytes(whole[: len(whole) * 2 // 3])


@COMPRESSED_KINDS.add(
    "recording", ".aiff", "partial", "the part that is there", says="bytes of sound that its header"
)
def aiff_cut_short(path: Path, rng: Rng) -> None:
    """AIFF that ends before its header says."""
    whole = encoded_sound(song(rng), "AIFF", "PCM_16")
    path.write_bytes(whole[: len(whole) * 3 // 4])


@COMPRESSED_KINDS.add("recording", ".wav", "ok", "the whole sound")
def wav_with_foreign_chunks(path: Path, rng: Rng) -> None:
    """WAV with chunks of the recorder's maker before and behind the sound."""
    whole = wav_of(song(rng))
    note = b"wamd" + struct.pack("<I", 40) + rng.bytes(40)
    path.write_bytes(whole[:12] + note + whole[12:] + note)
