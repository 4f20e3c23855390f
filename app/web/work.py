"""The work of requests, off the event loop: embedding and searching in batches, all else in a few threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from app.web.batches import Batches
from app.web.busy import BusyError
from app.web.hearing import Heard, StandingDecoding, TooLongError, hear
from app.web.house import Workspace
from media import UnreadableMediaError

if TYPE_CHECKING:
    import numpy as np

    from inference import Embeddings, Hit
    from inference.index.rows import Where

NUM_THREADS = 2
T = TypeVar("T")
Given = ParamSpec("Given")
Pair = tuple["np.ndarray | None", "np.ndarray | None"]


@dataclass(frozen=True)
class Search:
    """One search of the index."""

    embedding: Embeddings  # [1, size]
    k: int
    where: Where | None
    min_similarity: float | None

    @property
    def kind(self) -> str:
        """Searches of one kind are done together."""
        embedding = self.embedding
        of_encoder = embedding.fingerprint, embedding.shape
        return repr((self.k, self.where, self.min_similarity, *of_encoder))


class Work:
    """What the requests share: the network, the search, and threads for what is slow.

    Args:
        workspace: encoder and index.
        observe: called with the kind ("embed", "search") and size of each batch.
    Example:
        >>> embedding = await work.embed(photo, None)
        >>> hits = await work.search(embedding, k=5)
    """

    def __init__(
        self, workspace: Workspace, observe: Callable[[str, float], None] = lambda *_: None
    ) -> None:
        settings = workspace.settings
        self._workspace, self._most = workspace, settings.limits.waiting
        size = settings.batch_size
        self._embedding: Batches[Pair, Embeddings] = Batches(
            self._embed,
            batch_size=size,
            most_waiting=self._most,
            observe=lambda n: observe("embed", n),
        )
        self._searching: Batches[Search, list[Hit]] = Batches(
            self._search,
            batch_size=size,
            most_waiting=self._most,
            observe=lambda n: observe("search", n),
        )
        self._decoding = StandingDecoding(1, settings.limits.decode_seconds)
        self._hearing: Batches[Path, Heard] = Batches(
            self._hear,
            batch_size=size,
            most_waiting=self._most,
            observe=lambda n: observe("classify", n),
        )
        self._threads = ThreadPoolExecutor(NUM_THREADS, thread_name_prefix="work")
        self._num_running = 0

    async def embed(self, photo: np.ndarray | None, waveform: np.ndarray | None) -> Embeddings:
        """The embedding of a photo, a recording or both.

        Args:
            photo: uint8 [height, width, 3], RGB, or None.
            waveform: float32 [num_samples] at the front end's sample rate, or None.
        Returns:
            Embeddings float32 [1, embedding_size], unit length, with the encoder's fingerprint.
        Raises:
            ValueError: neither; or what the encoder was not trained on; or a silent recording.
            BusyError: too many wait.
        """
        return await self._embedding.ask((photo, waveform))

    async def search(
        self,
        embedding: Embeddings,
        k: int,
        *,
        where: Where | None = None,
        min_similarity: float | None = None,
    ) -> list[Hit]:
        """The nearest rows of the index.

        Args: as those of `EmbeddingIndex.search`; the embedding is float32 [1, size].
        Raises:
            ValueError: as there.
            BusyError: too many wait.
        """
        from inference.embeddings import check_embeddings

        checked = check_embeddings(embedding, name="query")  # here: it must not fail other searches
        return await self._searching.ask(Search(checked, k, where, min_similarity))

    async def classify(self, path: Path) -> Heard:
        """Who is heard in a recording; what cannot be heard has a status that says why.

        Raises:
            NotServedError: no sound classifier is served.
            ValueError: it is longer than `limits.seconds`.
            BusyError: too many wait.
        """
        return await self._hearing.ask(path)

    async def run(
        self, function: Callable[Given, T], *args: Given.args, **options: Given.kwargs
    ) -> T:
        """Anything else that is slow, in a thread; BusyError where too much is running."""
        if self._num_running >= self._most:
            raise BusyError("Too many requests wait at the moment.")
        self._num_running += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, lambda: function(*args, **options))
        finally:
            self._num_running -= 1

    def close(self) -> None:
        """Waits for what is in work."""
        self._embedding.close()
        self._searching.close()
        self._hearing.close()
        self._decoding.close()
        self._threads.shutdown(cancel_futures=True)

    def _embed(self, pairs: Sequence[Pair]) -> list[Embeddings | Exception]:
        from inference import Embeddings
        from inference.decode_pairs import paired, refuse_untrained

        embedder = self._workspace.embedder
        results: list[Embeddings | Exception] = [ValueError("was not embedded")] * len(pairs)
        fit: list[int] = []
        for place, (photo, waveform) in enumerate(pairs):
            try:
                pair = paired([photo], [waveform])
                refuse_untrained(pair, sees=embedder.settings.sees, hears=embedder.settings.hears)
                fit.append(place)
            except ValueError as error:
                results[place] = error
        if not fit:
            return results
        photos, waveforms = zip(*(pairs[place] for place in fit), strict=True)
        embeddings, kept, skipped = embedder.embed_readable(photos, waveforms)
        for row, position in enumerate(kept):
            results[fit[position]] = Embeddings.of(embeddings[row : row + 1])
        for one in skipped:
            results[fit[one.position]] = UnreadableMediaError(one.path, one.reason)
        return results

    def _hear(self, paths: Sequence[Path]) -> list[Heard | Exception]:
        results: dict[Path, Heard | Exception] = {}
        while left := [path for path in paths if path not in results]:
            try:
                found = hear(self._workspace, left, self._decoding)
                results |= dict(zip(left, found, strict=True))
            except TooLongError as error:
                results[error.path] = error
        return [results[path] for path in paths]

    def _search(self, searches: Sequence[Search]) -> list[list[Hit] | Exception]:
        from inference import concatenate_embeddings

        results: list[list[Hit] | Exception] = [[] for _ in searches]
        places_of: dict[str, list[int]] = {}
        for place, search in enumerate(searches):
            places_of.setdefault(search.kind, []).append(place)
        for places in places_of.values():
            first = searches[places[0]]
            queries = concatenate_embeddings([searches[place].embedding for place in places])
            try:
                found = self._workspace.index.search(
                    queries, first.k, where=first.where, min_similarity=first.min_similarity
                )
            except ValueError as error:  # of these searches, not of others that waited beside them
                for place in places:
                    results[place] = error
                continue
            for place, hits in zip(places, found, strict=True):
                results[place] = hits
        return results
