"""Photos with boxes: each animal in a photo is a source of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from archives.embed.sources import Found, Source
from media import PhotoBox, UnreadableMediaError

BoxesOf = Callable[[Path], Sequence[PhotoBox]]


def crop_sources(found: Found, boxes_of: BoxesOf) -> Found:
    """The sources with a box for each animal in each photo; photos without one are refused, with the reason.

    `boxes_of` gives the boxes of a photo; a ValueError or an UnreadableMediaError says why it has none.
    """
    sources: list[Source] = []
    refused = dict(found.refused)
    for source in found.sources:
        if source.kind not in ("image", "pair"):
            sources.append(source)
            continue
        try:
            sources += [replace(source, box=box) for box in boxes_of(source.paths[0])]
        except UnreadableMediaError as error:
            refused[source.name] = error.reason
        except FileNotFoundError:
            refused[source.name] = "there is no such file."
        except ValueError as error:
            refused[source.name] = str(error)
    return replace(found, sources=tuple(sources), refused=refused)
