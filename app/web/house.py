"""`Workspace`: what `serve` was given, each opened once, when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from app.web.heard import HeardFolder
from app.web.reviews import EventReview, PairReview
from app.web.settings import ServeSettings

if TYPE_CHECKING:
    from archives.embed.archive import Archive
    from individuals import Catalogue
    from inference import Embedder, EmbeddingIndex
    from soundscapes import SoundClassifier, SpeciesThresholds

T = TypeVar("T")
_SERVED = (
    *("encoder", "index", "catalogue", "review"),
    *("sound_classifier", "heard", "student", "archive", "survey", "runs"),
)


class NotServedError(Exception):
    """What was asked needs something that `serve` was not given; the message says how to give it."""


class Workspace:
    """Encoder, index, catalogue and the rest, loaded once for all requests.

    Each property opens what it names when it is first used, under a lock, and raises `NotServedError`
    where `serve` was not given it.

    Example:
        >>> workspace = Workspace(ServeSettings(encoder=Path("encoder"), index="birds.index"))
        >>> workspace.index.search(workspace.embedder.embed(["who.jpg"]), k=5)
    """

    def __init__(self, settings: ServeSettings) -> None:
        self.settings = settings
        self._opened: dict[str, Any] = {}
        self._lock = threading.RLock()

    @property
    def embedder(self) -> Embedder:
        """The encoder."""

        def load(path: Path) -> Embedder:
            from inference import Embedder

            return Embedder.load(path)

        return self._once("encoder", "--encoder DIR, which `export --out` wrote", load)

    @property
    def index(self) -> EmbeddingIndex:
        """The index, which must exist."""

        def load(address: str) -> EmbeddingIndex:
            from inference import EmbeddingIndex

            return EmbeddingIndex.open(address, create=False)

        return self._once("index", "--index INDEX, which `index build` wrote", load)

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue of individuals, which must exist."""

        def load(path: Path) -> Catalogue:
            from individuals import Catalogue

            return Catalogue.open(path, create=False)

        return self._once("catalogue", "--catalogue FILE, which `catalogue init` wrote", load)

    @property
    def sound_classifier(self) -> SoundClassifier:
        """The sound classifier."""

        def load(path: Path) -> SoundClassifier:
            from soundscapes import load_classifier

            return load_classifier(path)

        told = "--sound-classifier DIR, which `classify train --out` wrote"
        return self._once("sound_classifier", told, load)

    @property
    def sound_thresholds(self) -> SpeciesThresholds | None:
        """The certified thresholds of the sound classifier; None where there are none."""
        if self.settings.sound_thresholds is None:
            return None

        def load(path: Path) -> SpeciesThresholds:
            from soundscapes import load_thresholds

            return load_thresholds(path)

        return self._once("sound_thresholds", "--sound-thresholds FILE", load)

    @property
    def heard(self) -> HeardFolder:
        """What a prediction heard in recordings."""
        return self._once("heard", "--heard DIR, which `classify predict` wrote", HeardFolder)

    @property
    def pair_review(self) -> PairReview:
        """The review of the count's doubtful pairs."""
        folder = self.folder("review", "--review DIR, which `count --out` wrote")
        return self._made("pair_review", lambda: PairReview(folder))

    @property
    def event_review(self) -> EventReview:
        """The review of what was heard."""
        heard = self.heard
        return self._made("event_review", lambda: EventReview(heard))

    @property
    def archive_reader(self) -> Archive | None:
        """The embeddings in the archive's folder; None where there are none (yet)."""
        from archives.embed.archive import Archive, holds_shards

        folder = self.settings.archive
        if folder is None or not holds_shards(folder):
            return None
        return self._made("archive_reader", lambda: Archive(folder))

    def folder(self, name: str, told: str) -> Path:
        """A folder of the settings; `told` is how to give it.

        Raises:
            NotServedError: it was not given.
        """
        return self._given(name, told)

    @property
    def served(self) -> dict[str, bool]:
        """What `serve` was given, by name."""
        return {name: getattr(self.settings, name) is not None for name in _SERVED}

    def open_all(self) -> None:
        """Opens now what is served: a fault is told at the start, not to the first guest."""
        sounds = ("sound_classifier", "sound_thresholds", "heard")
        for name in ("embedder", "index", "catalogue", *sounds, "pair_review"):
            with suppress(NotServedError):
                getattr(self, name)

    def close(self) -> None:
        """Closes what was opened; a second call does nothing."""
        with self._lock:
            for opened in self._opened.values():
                if hasattr(opened, "close"):
                    opened.close()
            self._opened.clear()

    def _made(self, name: str, make: Callable[[], T]) -> T:
        with self._lock:
            if name not in self._opened:
                self._opened[name] = make()
            return self._opened[name]

    def _once(self, name: str, told: str, load: Callable[[Any], Any]) -> Any:
        given = self._given(name, told)
        with self._lock:
            if name not in self._opened:
                self._opened[name] = load(given)
            return self._opened[name]

    def _given(self, name: str, told: str) -> Any:
        given = getattr(self.settings, name)
        if given is None:
            raise NotServedError(f"This needs the {name.replace('_', ' ')}. Start with `{told}`.")
        return given
