"""A generated corpus of bad and odd files, with what each must be given; and damage without end."""

from tests.bad_inputs.compressed_kinds import COMPRESSED_KINDS
from tests.bad_inputs.kind import NO_EMBEDDING, Kind, Medium, Status
from tests.bad_inputs.name_kinds import NAME_KINDS
from tests.bad_inputs.photo_kinds import PHOTO_KINDS
from tests.bad_inputs.video_kinds import VIDEO_KINDS
from tests.bad_inputs.wav_kinds import WAV_KINDS

KINDS = (*PHOTO_KINDS, *WAV_KINDS, *COMPRESSED_KINDS, *VIDEO_KINDS, *NAME_KINDS)
"""Every kind there is, in the order of the page on robustness."""

__all__ = ["KINDS", "NO_EMBEDDING", "Kind", "Medium", "Status"]
