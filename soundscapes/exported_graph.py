"""The graph of an exported classifier: a waveform framed, heard clip by clip, averaged over moments."""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf

from soundscapes.classifier import SoundClassifier
from soundscapes.clip_logits import clip_function
from soundscapes.ensemble import common_classes

CLIPS_AT_ONCE = 16
_TOLERANCE = 1e-6
_LEAST = 1e-7  # scores of exactly 0 and 1 have no log-odds


class WaveformClassifier(tf.Module):
    """What `predict_recordings` does with one recording, in TensorFlow operations only.

    Args:
        classifiers: at least one, of the same classes, front end and clip length.
        hop_seconds: float > 0, from clip to clip.

    Raises:
        ValueError: the front end cannot be part of a graph, or the classifiers differ.
    """

    def __init__(self, classifiers: Sequence[SoundClassifier], *, hop_seconds: float) -> None:
        super().__init__()
        first = classifiers[0]
        _check(classifiers)
        self._front_end = first.front_end
        self._front_end_module = first.front_end.module  # so that its weights are saved
        self._weights = [[w.value for w in one.network.variables] for one in classifiers]
        self._functions = [clip_function(one) for one in classifiers]
        self._columns = [
            columns.tolist() for columns in common_classes([one.class_names for one in classifiers])
        ]
        self._clip_frames, self._num_classes = first.clip_frames, len(first.class_names)
        self._frames_per_hop = hop_seconds / first.front_end.hop_seconds
        self.seconds_per_moment = min(one.seconds_per_time for one in classifiers)
        self._seconds_per_time = [one.seconds_per_time for one in classifiers]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "waveform")])
    def classify(self, waveform: tf.Tensor) -> dict[str, tf.Tensor]:
        """The scores of one recording; see `export_classifier`."""
        answer = self.classify_batch(waveform[None])
        starts = answer.pop("moment_starts")
        return {**{name: value[0] for name, value in answer.items()}, "moment_starts": starts}

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, "waveforms")])
    def classify_batch(self, waveforms: tf.Tensor) -> dict[str, tf.Tensor]:
        """The scores of several recordings; see `export_classifier`."""
        tf.debugging.assert_all_finite(waveforms, "A waveform holds NaN or infinity.")
        positions = tf.range(1, tf.shape(waveforms)[1] + 1)
        lengths = tf.reduce_max(tf.where(waveforms != 0, positions, 0), axis=1)
        lengths = tf.maximum(lengths, 0)  # the maximum over no positions is the smallest integer
        longest = self._num_moments(tf.reduce_max(lengths))
        size = [self._num_classes]
        specs = (
            tf.TensorSpec(size, tf.float32),
            tf.TensorSpec(size, tf.float32),
            tf.TensorSpec([None, *size], tf.float32),
        )

        def one(element: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            sound = element[0][: element[1]]
            is_sound = (tf.size(sound) >= self._front_end.min_samples) & tf.reduce_any(
                sound != sound[:1]
            )
            logits, scores, moments = tf.cond(
                is_sound, lambda: self._heard(sound), self._nothing_heard
            )
            beyond = [[0, longest - tf.shape(moments)[0]], [0, 0]]
            return logits, scores, tf.pad(moments, beyond, constant_values=math.nan)

        logits, scores, moments = tf.map_fn(
            one, (waveforms, lengths), fn_output_signature=specs, parallel_iterations=1
        )
        starts = tf.cast(tf.range(longest), tf.float32) * self.seconds_per_moment
        return {
            "logits": logits,
            "scores": scores,
            "moment_scores": moments,
            "moment_starts": starts,
        }

    def _num_moments(self, num_samples: tf.Tensor) -> tf.Tensor:
        rate = self._front_end.sample_rate_hz
        moments = tf.cast(num_samples, tf.float64) / (rate * self.seconds_per_moment)
        return tf.cast(tf.math.ceil(moments - _TOLERANCE), tf.int32)

    def _nothing_heard(self) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        nothing = tf.fill([self._num_classes], math.nan)
        return nothing, nothing, tf.zeros([0, self._num_classes])

    def _heard(self, sound: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        size = self._front_end.embedding_size
        frames = tf.ensure_shape(self._front_end.embed_sound(sound), [None, size])
        num_frames, num_moments = tf.shape(frames)[0], self._num_moments(tf.size(sound))
        starts = self._clip_starts(num_frames)
        frames = tf.pad(frames, [[0, tf.maximum(self._clip_frames - num_frames, 0)], [0, 0]])
        of_recording, of_moments = [], []
        for function, columns, seconds_per_time in zip(
            self._functions, self._columns, self._seconds_per_time, strict=True
        ):
            logits, times = self._in_batches(function, frames, starts)
            mean = tf.reduce_mean(tf.gather(logits, columns, axis=1), axis=0)
            of_recording.append(mean)
            averaged = self._averaged(
                tf.gather(times, columns, axis=2), starts, num_frames, num_moments, seconds_per_time
            )
            of_moments.append(tf.sigmoid(averaged))
        scores = tf.add_n([tf.sigmoid(mean) for mean in of_recording]) / len(of_recording)
        logits = of_recording[0]
        if len(of_recording) > 1:
            sure = tf.clip_by_value(scores, _LEAST, 1 - _LEAST)
            logits = tf.math.log(sure) - tf.math.log1p(-sure)
        return logits, scores, tf.add_n(of_moments) / len(of_moments)

    def _clip_starts(self, num_frames: tf.Tensor) -> tf.Tensor:
        """int32 [num_clips], a frame each: one every hop, and one for what is left over at the end."""
        length, hop = self._clip_frames, self._frames_per_hop
        most = tf.cast(tf.cast(num_frames, tf.float64) / hop, tf.int32) + 1
        starts = tf.cast(tf.round(tf.cast(tf.range(most), tf.float64) * hop), tf.int32)
        regular = starts[starts + length <= num_frames]
        covered = tf.reduce_max(tf.concat([[0], regular + length], axis=0))
        rest = tf.maximum(num_frames - length, 0)[None]
        return tf.concat([regular, rest[: tf.cast(covered < num_frames, tf.int32)]], axis=0)

    def _in_batches(
        self, function: object, frames: tf.Tensor, starts: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Logits of clips and of their moments, some clips at a time."""
        num_clips = tf.shape(starts)[0]

        def some(first: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            clips = tf.minimum(first + tf.range(CLIPS_AT_ONCE), num_clips - 1)
            rows = tf.gather(starts, clips)[:, None] + tf.range(self._clip_frames)
            return function(tf.gather(frames, rows))  # type: ignore[operator]

        firsts = tf.range(0, num_clips, CLIPS_AT_ONCE)
        logits, times = tf.map_fn(
            some, firsts, fn_output_signature=(tf.float32, tf.float32), parallel_iterations=1
        )
        rows = [-1, self._num_classes]
        shape = tf.concat([[-1], tf.shape(times)[2:]], axis=0)
        return tf.reshape(logits, rows)[:num_clips], tf.reshape(times, shape)[:num_clips]

    def _averaged(
        self,
        times: tf.Tensor,
        starts: tf.Tensor,
        num_frames: tf.Tensor,
        num_moments: tf.Tensor,
        seconds_per_time: float,
    ) -> tf.Tensor:
        """As `MomentGrid`: float32 [num_moments, num_classes], NaN without a clip."""
        num_times = tf.shape(times)[1]
        step = self.seconds_per_moment
        clip_starts = tf.cast(starts, tf.float64) * (self._front_end.hop_seconds / step)
        begins = clip_starts[:, None] + tf.cast(tf.range(num_times), tf.float64)[None] * (
            seconds_per_time / step
        )
        ends = begins + seconds_per_time / step
        real = tf.cast(tf.minimum(num_frames, self._clip_frames) * num_times, tf.float64)
        num_real = tf.math.ceil(real / self._clip_frames - _TOLERANCE)
        is_real = tf.cast(tf.range(num_times), tf.float64) < num_real
        begins, ends = (
            tf.reshape(tf.boolean_mask(part, is_real, axis=1), [-1]) for part in (begins, ends)
        )
        spoken = tf.reshape(tf.boolean_mask(times, is_real, axis=1), [-1, self._num_classes])
        sums = tf.zeros([num_moments, self._num_classes])
        weights = tf.zeros([num_moments, 1])
        first = tf.cast(begins + _TOLERANCE, tf.int32)
        for offset in range(math.ceil(seconds_per_time / step - _TOLERANCE) + 1):
            moment = first + offset
            low, high = (tf.cast(moment + more, tf.float64) for more in (0, 1))
            overlap = tf.minimum(ends, high) - tf.maximum(begins, low)
            overlap = tf.where(overlap < _TOLERANCE, tf.zeros_like(overlap), overlap)
            inside = moment < num_moments
            place = tf.minimum(moment, num_moments - 1)
            weight = tf.cast(tf.where(inside, overlap, tf.zeros_like(overlap)), tf.float32)[:, None]
            sums += tf.math.unsorted_segment_sum(weight * spoken, place, num_moments)
            weights += tf.math.unsorted_segment_sum(weight, place, num_moments)
        return tf.where(weights > 0, sums / weights, math.nan)


def _check(classifiers: Sequence[SoundClassifier]) -> None:
    first = classifiers[0]
    if first.front_end.module is None:
        raise ValueError(
            f"The audio front end '{first.front_end.name}' is not made of TensorFlow operations, so that a "
            "classifier cannot be exported with it. Predict with `predict_recordings`, or train on another "
            "front end."
        )
    for number, one in enumerate(classifiers[1:], start=2):
        if (one.front_end.fingerprint, one.clip_frames) != (
            first.front_end.fingerprint,
            first.clip_frames,
        ):
            raise ValueError(
                f"One SavedModel has one front end and one length of clips: classifier {number} has "
                f"'{one.front_end.name}' and {one.clip_frames} frames, the first '{first.front_end.name}' "
                f"and {first.clip_frames}. Export them one by one, or predict with `predict_recordings`."
            )
