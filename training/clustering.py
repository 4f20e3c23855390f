"""Clustering: whether embeddings fall into their classes of themselves."""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt

NUM_STARTS = 10


def cluster_agreement(
    embeddings: npt.ArrayLike, labels: npt.ArrayLike, *, seed: int = 0
) -> dict[str, float]:
    """How far the clusters of embeddings are their classes, by mutual information.

    The clusters are those of k-means (k-means++, the best of 10 starts) with as many clusters as there
    are classes. NMI divides the mutual information of clusters and classes by the mean of their
    entropies; it is above 0 even for random clusters, the more so the fewer items a class has. AMI
    takes away what chance would give.

    Args:
        embeddings: float [num, embedding_size], finite, num >= 1.
        labels: str or int [num], the classes.
        seed: int, for the starts.

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
    with warnings.catch_warnings():
        # Of fewer distinct points than clusters: a collapsed encoder, whose figures say it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        clusters = k_means.fit_predict(np.asarray(embeddings, np.float64))
    return {
        "nmi": float(normalized_mutual_info_score(classes, clusters)),
        "ami": float(adjusted_mutual_info_score(classes, clusters)),
    }
