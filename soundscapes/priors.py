"""What is known before one listens: species that are heard together, and where and when they are heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

_LEAST = 1e-6  # scores of exactly 0 and 1 have no log-odds


@dataclass(frozen=True)
class Cooccurrence:
    """How much likelier each species is where another is heard.

    Attributes:
        log_lift: float64 [num_classes, num_classes]: row i, column j: log of P(j | i) / P(j).
        weight: float >= 0, how much it counts.
    """

    log_lift: np.ndarray
    weight: float = 1.0

    def apply(self, scores: npt.ArrayLike) -> np.ndarray:
        """The scores of one recording's segments, given which species are heard in it.

        To the log-odds of species j is added weight times the sum over the other species i of h[i] times
        `log_lift[i, j]`, divided by the sum of h[i] where that is above 1; h[i] is the highest score of i in
        the recording. So it is the mean over what is heard, and little where hardly anything is.

        Args:
            scores: float [num_segments, num_classes]; NaN where nothing was heard.

        Returns:
            float32 [num_segments, num_classes]. Breaks calibration.
        """
        values = np.asarray(scores, np.float64)
        if not len(values):
            return values.astype(np.float32)
        heard = np.nan_to_num(np.fmax.reduce(values, axis=0))
        others = np.tile(heard[:, None], (1, len(heard)))
        np.fill_diagonal(others, 0)
        shift = (others * self.log_lift).sum(axis=0) / np.maximum(others.sum(axis=0), 1)
        return _shifted(values, self.weight * shift)


def fit_cooccurrence(
    labels: npt.ArrayLike, *, weight: float = 1.0, strength: float = 1.0
) -> Cooccurrence:
    """Which species are heard together, from the labels of recordings with several species.

    P(j | i) = (times together + strength P(j)) / (times of i + strength): with few recordings of i it stays
    near P(j).

    Args:
        labels: [num_recordings, num_classes], above 0 where the species is there.
        weight: see `Cooccurrence`.
        strength: float > 0, how many recordings the prior knowledge is worth.

    Raises:
        ValueError: no recordings, or strength not above 0.
    """
    present = _present(labels, strength)
    times, total = present.sum(axis=0), len(present)
    share = (times + strength / present.shape[1]) / (total + strength)
    given = (present.T @ present + strength * share) / (times[:, None] + strength)
    return Cooccurrence(np.log(given / share), weight)


@dataclass(frozen=True)
class SiteHourPrior:
    """How likely each species is at a site and an hour, against how likely it is anywhere.

    Attributes:
        anywhere: float64 [num_classes], share of recordings.
        at_site: the same of each site.
        at_site_and_hour: the same of each site and hour.
        weight: float >= 0, how much it counts.
    """

    anywhere: np.ndarray
    at_site: Mapping[str, np.ndarray] = field(default_factory=dict)
    at_site_and_hour: Mapping[tuple[str, int], np.ndarray] = field(default_factory=dict)
    weight: float = 1.0

    def apply(
        self, scores: npt.ArrayLike, *, site: str | None = None, hour: int | None = None
    ) -> np.ndarray:
        """The scores at a site and an hour: log-odds + weight (log-odds there - log-odds anywhere).

        A site or hour that was not among the labels changes nothing.

        Args:
            scores: float [num_segments, num_classes]; NaN where nothing was heard.
            site: name of the site; None where it is not known.
            hour: int in [0, 24); None where it is not known.

        Returns:
            float32 [num_segments, num_classes]. Breaks calibration, unless the classifier was calibrated on
            all sites and hours together.
        """
        values = np.asarray(scores, np.float64)
        there = self.at_site.get(site or "", self.anywhere)
        if site is not None and hour is not None:
            there = self.at_site_and_hour.get((site, hour), there)
        return _shifted(values, self.weight * (_log_odds(there) - _log_odds(self.anywhere)))


def fit_site_hour_prior(
    labels: npt.ArrayLike,
    sites: Sequence[str],
    hours: Sequence[int],
    *,
    weight: float = 1.0,
    strength: float = 10.0,
) -> SiteHourPrior:
    """Where and when species are heard, from labels of recordings.

    Shares are drawn towards what is known with less detail: of a site and hour towards that of the site, of
    a site towards that of all: (times + strength * share of the less detailed) / (recordings + strength).

    Args:
        labels: [num_recordings, num_classes], above 0 where the species is there.
        sites: of each recording.
        hours: int in [0, 24) of each.
        weight: see `SiteHourPrior`.
        strength: float > 0, how many recordings the less detailed share is worth.

    Raises:
        ValueError: no recordings, lengths that do not fit, or strength not above 0.

    Tables of sites and hours are customary in BirdCLEF; this back-off is our own.
    """
    present = _present(labels, strength)
    if not len(present) == len(sites) == len(hours):
        raise ValueError(
            f"Expected as many sites and hours as recordings, {len(present)}; received {len(sites)} and "
            f"{len(hours)}."
        )
    anywhere = (present.sum(axis=0) + 0.5) / (len(present) + 1)
    places, clock = np.asarray(sites), np.asarray(hours)

    def share(rows: np.ndarray, towards: np.ndarray) -> np.ndarray:
        return (present[rows].sum(axis=0) + strength * towards) / (rows.sum() + strength)

    at_site = {str(site): share(places == site, anywhere) for site in np.unique(places)}
    at_hour = {
        (str(site), int(hour)): share((places == site) & (clock == hour), at_site[str(site)])
        for site, hour in {*zip(places.tolist(), clock.tolist(), strict=True)}
    }
    return SiteHourPrior(anywhere, at_site, at_hour, weight)


def _present(labels: npt.ArrayLike, strength: float) -> np.ndarray:
    """float64 [num_recordings, num_classes] of 0 and 1."""
    present = (np.asarray(labels) > 0).astype(np.float64)
    if present.ndim != 2 or not present.size or not strength > 0:
        raise ValueError(
            "Expected labels [num_recordings, num_classes] of at least one recording and strength > 0, "
            f"received the shape {list(present.shape)} and {strength}."
        )
    return present


def _log_odds(shares: np.ndarray) -> np.ndarray:
    return logit(np.clip(shares, _LEAST, 1 - _LEAST))


def _shifted(scores: np.ndarray, shift: np.ndarray) -> np.ndarray:
    return expit(_log_odds(scores) + shift).astype(np.float32)
