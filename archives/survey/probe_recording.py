"""A recording's header: rate, channels, bits, length, clock, and whether all of its sound is there."""

from __future__ import annotations

from dataclasses import replace

from archives.survey.container_clock import read_container_clock
from archives.survey.header_clocks import HeaderClock, read_audiomoth_comment, read_guano
from archives.survey.mp4_boxes import missing_box_bytes
from archives.survey.records import SHORTEST_SECONDS, SurveyedFile
from archives.survey.wav_header import WavHeader, read_wav_header
from media.audio import probe_audio
from media.containers import open_container
from media.soundfile_reader import open_with_soundfile

_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
_BITS |= {"FLOAT": 32, "DOUBLE": 64}
_MP4_SUFFIXES = {".m4a", ".mp4", ".mka"}


def probe_recording(file: SurveyedFile) -> SurveyedFile:
    """The file with what its header says.

    Args:
        file: path, kind and size; not empty.
    Raises:
        OSError: the file cannot be read.
        UnreadableMediaError: no decoder takes it.
    """
    wav = read_wav_header(file.path)
    if wav is not None:
        file = _with_wav_header(file, wav)
        if wav.present_bytes == 0 or wav.announced_bytes == 0:
            return _without_sound(file, wav)
    info = probe_audio(file.path)
    file = replace(
        file,
        sample_rate_hz=info.sample_rate_hz,
        num_channels=info.num_channels,
        duration_seconds=info.duration_seconds,
    )
    if info.duration_seconds is not None and info.duration_seconds < SHORTEST_SECONDS:
        file = file.with_fault(
            "too_short",
            f"{info.duration_seconds:.4f} s of sound, expected at least {SHORTEST_SECONDS} s. Remove it.",
        )
    if info.decoder == "soundfile":
        return _with_subtype(file)
    missing = missing_box_bytes(file.path)
    if missing:
        file = file.with_fault("truncated", f"{missing} bytes of it are missing. Copy it again.")
    with open_container(file.path, "a recording") as container:
        clock = read_container_clock(container.metadata)
        return replace(file, format=_format(container.format.name, file), clock=clock)


def _format(name: str, file: SurveyedFile) -> str:
    names = name.split(",")
    suffix = file.path.suffix.lower().removeprefix(".")
    return (suffix if suffix in names else names[0]).upper()


def _with_wav_header(file: SurveyedFile, wav: WavHeader) -> SurveyedFile:
    file = replace(file, format="WAV")
    written: HeaderClock | None = read_audiomoth_comment(wav.comment) if wav.comment else None
    if written is None and wav.guano:
        written = read_guano(wav.guano)
    if written is not None:
        file = replace(file, clock=written.clock, serial=written.serial, recorder=written.serial)
    if wav.is_cut_short:
        file = file.with_fault(
            "truncated",
            f"its header announces {wav.announced_bytes} bytes of sound, the file holds"
            f" {wav.present_bytes}: the card was full, the battery empty, or the copy broke off."
            " What is there can be used. Copy it again if the card has more.",
        )
    return file


def _without_sound(file: SurveyedFile, wav: WavHeader) -> SurveyedFile:
    spare = file.num_bytes - 44
    rest = f", though {spare} bytes follow" if spare > 4096 and not wav.announced_bytes else ""
    return file.with_fault(
        "no_sound",
        f"its header announces {wav.announced_bytes or 0} bytes of sound{rest}: the recorder stopped"
        " before it closed the file. Remove it, or mend its header.",
    )


def _with_subtype(file: SurveyedFile) -> SurveyedFile:
    opened = open_with_soundfile(file.path)
    if opened is None:  # probed a moment ago: taken away since
        return file
    with opened:
        file_format = "WAV" if opened.format == "WAVEX" else opened.format
        return replace(file, format=file_format, bits_per_sample=_bits(opened))


def _bits(opened: object) -> int | None:
    subtype = str(getattr(opened, "subtype", ""))
    return _BITS.get(subtype)
