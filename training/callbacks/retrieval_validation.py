"""Retrieval on held-out pairs, and how well they fall into their classes, while an encoder trains."""

import warnings

import keras
import numpy as np
import numpy.typing as npt

from inference.metrics import retrieval_metrics
from training.live_embedding import LiveEmbedding
from training.pairs import draw_pairs
from triplets.photos import PhotoSource
from triplets.prepared import PreparedMedia

RETRIEVAL = ("precision_at_1", "r_precision", "mean_average_precision_at_r")
NUM_STARTS = 10


class RetrievalValidation(keras.callbacks.Callback):
    """After each epoch asks held-out pairs for their class and logs how often the answer is right.

    Adds to the logs, each in [0, 1]: `val_precision_at_1`, `val_r_precision` and
    `val_mean_average_precision_at_r` of held-out pairs that search the gallery; and `val_nmi` and
    `val_ami`, how well k-means groups the held-out pairs into their classes without any gallery, see
    `cluster_agreement`. Callbacks that stand after it in the list see them: `CSVLogger`,
    `TensorBoard`, `EarlyStopping("val_precision_at_1", mode="max")`, `EncoderCheckpoint`. To stop or
    choose by them spoils them as an estimate: keep a further split for the final figure.

    Args:
        encoder: the one that is trained, inside of whatever model: the whole encoder, or the part
            behind its frozen trunk, with `photos`.
        gallery: what is searched.
        queries: what asks; no source may be in the gallery too.
        gallery_photos: what the encoder's `image_input` takes for the gallery. Default: the stored
            photos.
        query_photos: the same for the queries.
        audio_seconds: float > 0, the window of sound it embeds at once. Default 5.0.
        max_windows: int >= 1, how many such windows of a recording count. Default 6.
        every: int >= 1, epochs between two validations; the last epoch always has one.
        max_pairs_per_class: int >= 1, drawn on each side.

    Raises:
        ValueError: an option is out of range, or photos do not have the shape the encoder takes.
    """

    def __init__(
        self,
        encoder: keras.Model,
        gallery: PreparedMedia,
        queries: PreparedMedia,
        *,
        gallery_photos: PhotoSource | None = None,
        query_photos: PhotoSource | None = None,
        audio_seconds: float = 5.0,
        max_windows: int = 6,
        every: int = 1,
        max_pairs_per_class: int = 6,
    ) -> None:
        super().__init__()
        if every < 1:
            raise ValueError(f"Expected every >= 1 (epochs), received {every}.")
        self._embed_gallery, self._embed_queries = (
            LiveEmbedding(
                encoder,
                media,
                draw_pairs(media, max_pairs_per_class, seed),
                photos=photos,
                audio_seconds=audio_seconds,
                max_windows=max_windows,
            )
            for seed, (media, photos) in enumerate(
                [(gallery, gallery_photos), (queries, query_photos)]
            )
        )
        self._every = every

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Validates, and adds what it found to the logs."""
        is_last = epoch + 1 == self.params.get("epochs")
        if logs is not None and (is_last or (epoch + 1) % self._every == 0):
            logs.update({f"val_{name}": value for name, value in self.metrics().items()})

    def metrics(self) -> dict[str, float]:
        """The metrics as the encoder is now, by the names under which they are logged less `val_`."""
        gallery, queries = self._embed_gallery(), self._embed_queries()
        labels = self._embed_queries.pairs.labels
        retrieval = retrieval_metrics(queries, labels, gallery, self._embed_gallery.pairs.labels)
        return {name: retrieval[name] for name in RETRIEVAL} | cluster_agreement(queries, labels)


def cluster_agreement(
    embeddings: npt.ArrayLike, labels: npt.ArrayLike, *, seed: int = 0
) -> dict[str, float]:
    """How far the clusters of embeddings are their classes, by mutual information.

    The clusters are those of k-means with as many clusters as there are classes. NMI is above 0 even for
    random clusters, the more so the fewer items a class has; AMI takes away what chance would give.

    Args:
        embeddings: float [num, embedding_size], finite, num >= 1.
        labels: str or int [num], the classes.
        seed: int, for the starts of k-means.

    Returns:
        "nmi" in [0, 1] and "ami", at most 1 and about 0 for random clusters. With a single class both
        are 1.
    Reference:
        Vinh, Epps and Bailey, "Information theoretic measures for clusterings comparison", 2010,
        https://jmlr.org/papers/v11/vinh10a.html
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import adjusted_mutual_info_score, normalized_mutual_info_score

    classes = np.unique(labels, return_inverse=True)[1]
    k_means = KMeans(int(classes.max()) + 1, n_init=NUM_STARTS, random_state=seed)
    with warnings.catch_warnings():  # of a collapsed encoder, whose figures say it
        warnings.simplefilter("ignore", ConvergenceWarning)
        clusters = k_means.fit_predict(np.asarray(embeddings, np.float64))
    return {
        "nmi": float(normalized_mutual_info_score(classes, clusters)),
        "ami": float(adjusted_mutual_info_score(classes, clusters)),
    }
