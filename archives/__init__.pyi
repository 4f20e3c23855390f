from .embed.archive import Archive as Archive
from .embed.archive import merge_archives as merge_archives
from .embed.embed_archive import ArchiveSummary as ArchiveSummary
from .embed.embed_archive import embed_archive as embed_archive
from .embed.embed_sources import Decoding as Decoding
from .embed.settings import ArchiveSettings as ArchiveSettings
from .survey import survey_archive as survey_archive
