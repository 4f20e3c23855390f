"""Augmentation: which steps are taken with a batch, how strongly, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import tensorflow as tf

from soundscapes.augmentation.cuts import RandomCrop, RemoveStart
from soundscapes.augmentation.draws import Batch, Seed, seed_of
from soundscapes.augmentation.levels import FloorChange, LevelChange
from soundscapes.augmentation.masks import FrequencyMask, TimeMask
from soundscapes.augmentation.noise import BackgroundNoise, Gain
from soundscapes.augmentation.spectrogram_mixtures import SpectrogramMixup, TimeCutMix
from soundscapes.augmentation.warps import PitchShift, TimeStretch
from soundscapes.augmentation.waveform_mixtures import AddSameSpecies, WaveformMixup

_WAVEFORM_STEPS = {
    "random_crop": RandomCrop,
    "remove_start": RemoveStart,
    "add_same_species": AddSameSpecies,
    "waveform_mixup": WaveformMixup,
    "background_noise": BackgroundNoise,
    "gain": Gain,
}
_FRAME_STEPS = {
    "time_stretch": TimeStretch,
    "pitch_shift": PitchShift,
    "time_cut_mix": TimeCutMix,
    "spectrogram_mixup": SpectrogramMixup,
    "level_change": LevelChange,
    "floor_change": FloorChange,
    "time_mask": TimeMask,
    "frequency_mask": FrequencyMask,
}


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """The steps that vary recordings in training, in the order in which they are taken.

    A step that is None is left out. Steps of waveforms are for training from sound; those of frames are for
    rows in decibels, from the store or from waveforms. The defaults are what the winners of BirdCLEF agree
    on. `asdict(augmentation)` is JSON; `Augmentation.from_dict` reads it.

    Args:
        random_crop: this and the next five are of waveforms; None by default, as clips are mostly cut before.
        time_stretch: this and all that follow are of frames.

    Example:
        >>> augmentation = replace(Augmentation(), floor_change=None)  # from dataclasses
        >>> batches = dataset.repeat().enumerate().map(
        ...     lambda number, batch: augmentation.augment_frames(*batch, seed=(0, number)))
    """

    random_crop: RandomCrop | None = None
    remove_start: RemoveStart | None = None
    add_same_species: AddSameSpecies | None = None
    waveform_mixup: WaveformMixup | None = field(default_factory=WaveformMixup)
    background_noise: BackgroundNoise | None = field(default_factory=BackgroundNoise)
    gain: Gain | None = field(default_factory=Gain)
    time_stretch: TimeStretch | None = None
    pitch_shift: PitchShift | None = None
    time_cut_mix: TimeCutMix | None = field(default_factory=TimeCutMix)
    spectrogram_mixup: SpectrogramMixup | None = field(default_factory=SpectrogramMixup)
    level_change: LevelChange | None = None
    floor_change: FloorChange | None = field(default_factory=FloorChange)
    time_mask: TimeMask | None = field(default_factory=TimeMask)
    frequency_mask: FrequencyMask | None = field(default_factory=FrequencyMask)

    def augment_waveforms(
        self,
        waveforms: tf.Tensor,
        labels: tf.Tensor,
        seed: Seed,
        *,
        noises: tf.Tensor | None = None,
    ) -> Batch:
        """Takes the steps of waveforms. In a `tf.data` pipeline or eagerly.

        Args:
            waveforms: float32 [batch, num_samples], padded at the end with zeros.
            labels: float32 [batch, num_classes] in [0, 1].
            seed: two integers: the same give the same. Another for every batch.
            noises: for `BackgroundNoise`.

        Returns:
            Waveforms float32 [batch, num_samples] (of `random_crop`, if that is on) and labels in [0, 1].
        """
        for number, step in self._steps(_WAVEFORM_STEPS):
            more = {"noises": noises} if isinstance(step, BackgroundNoise) else {}
            waveforms, labels = step(waveforms, labels, seed_of(seed, number), **more)
        return waveforms, labels

    def augment_frames(self, frames: tf.Tensor, labels: tf.Tensor, seed: Seed) -> Batch:
        """Takes the steps of frames. In a `tf.data` pipeline or eagerly.

        Args:
            frames: float32 [batch, num_frames, size]; frames of all zeros are padding.
            labels: float32 [batch, num_classes] in [0, 1].
            seed: two integers: the same give the same. Another for every batch.

        Returns:
            Frames and labels of the same shapes; labels in [0, 1].
        """
        for number, step in self._steps(_FRAME_STEPS):
            frames, labels = step(frames, labels, seed_of(seed, 100 + number))
        return frames, labels

    @classmethod
    def only(cls, **steps: Any) -> Augmentation:  # fields of this class
        """With these steps alone: `only(time_mask=TimeMask(most=0.3))`; `only()` changes nothing."""
        return cls(**{**dict.fromkeys(step.name for step in fields(cls)), **steps})

    @classmethod
    def for_embeddings(cls) -> Augmentation:
        """For frames that are no decibels, such as BirdNET's: parts of recordings exchanged and masked."""
        return cls.only(time_cut_mix=TimeCutMix(), time_mask=TimeMask())

    def with_bands(self, num_bands: int) -> Augmentation:
        """For rows of several window lengths, of `num_bands` bands each: all are masked and shifted alike."""
        mask, shift = self.frequency_mask, self.pitch_shift
        if mask is not None and mask.num_bands is None:
            mask = replace(mask, num_bands=num_bands)
        if shift is not None and shift.num_bands is None:
            shift = replace(shift, num_bands=num_bands)
        return replace(self, frequency_mask=mask, pitch_shift=shift)

    @classmethod
    def from_dict(cls, steps: Mapping[str, Mapping[str, Any] | None]) -> Augmentation:
        """From `asdict`, or its JSON; a step that is not named is left out.

        Raises:
            ValueError: a step or one of its numbers is unknown or out of range.
        """
        kinds: dict[str, Any] = {**_WAVEFORM_STEPS, **_FRAME_STEPS}
        if unknown := set(steps) - set(kinds):
            raise ValueError(
                f"Unknown augmentation {sorted(unknown)}. Expected some of {', '.join(kinds)}."
            )
        try:
            given = {name: kinds[name](**told) for name, told in steps.items() if told is not None}
        except TypeError as error:
            raise ValueError(f"An augmentation cannot be made: {error}.") from error
        return cls.only(**given)

    def _steps(self, kinds: Mapping[str, Any]) -> list[tuple[int, Any]]:
        named = [(number, getattr(self, name)) for number, name in enumerate(kinds)]
        return [(number, step) for number, step in named if step is not None]
