"""Callbacks: retrieval on held-out pairs while the encoder trains."""

from __future__ import annotations

import keras

from fused_encoder.yamnet import Yamnet
from inference.embed import Embedder
from inference.metrics import retrieval_metrics
from training.evaluate import draw_pairs, embed_pairs
from triplets.features import PreparedMedia


class RetrievalValidation(keras.callbacks.Callback):
    """After each epoch asks held-out pairs for their class and logs how often the answer is right.

    Adds `val_precision_at_1`, `val_r_precision` and `val_mean_average_precision_at_r`, in [0, 1], to the
    logs, so that `History`, `CSVLogger`, `EarlyStopping(mode="max")` and `ModelCheckpoint` see them. To
    stop or choose by them spoils them as an estimate: keep a further split for the final figure.

    Args:
        encoder: the encoder inside the model that is trained.
        yamnet: the one its features were made with.
        gallery: what is searched.
        queries: what asks; no source may be in the gallery too.
        every: int >= 1, epochs between two validations; the last epoch always has one.
        max_pairs_per_class: int >= 1, drawn on each side.
    """

    def __init__(
        self,
        encoder: keras.Model,
        yamnet: Yamnet,
        gallery: PreparedMedia,
        queries: PreparedMedia,
        *,
        audio_seconds: float = 5.0,
        every: int = 1,
        max_pairs_per_class: int = 6,
    ) -> None:
        super().__init__()
        if every < 1:
            raise ValueError(f"Expected every >= 1 (epochs), received {every}.")
        self._encoder = encoder
        self._yamnet = yamnet
        self._gallery = gallery, draw_pairs(gallery, max_pairs_per_class, seed=0)
        self._queries = queries, draw_pairs(queries, max_pairs_per_class, seed=1)
        self._audio_seconds = audio_seconds
        self._every = every

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        is_last = epoch + 1 == self.params.get("epochs")
        if logs is None or not (is_last or (epoch + 1) % self._every == 0):
            return
        embedder = Embedder.from_encoder(
            self._encoder, self._yamnet, audio_seconds=self._audio_seconds
        )
        gallery, queries = (
            embed_pairs(embedder, media, pairs, ("fused",)).by_pattern["fused"]
            for media, pairs in (self._gallery, self._queries)
        )
        metrics = retrieval_metrics(
            queries, self._queries[1].labels, gallery, self._gallery[1].labels
        )
        for name in ("precision_at_1", "r_precision", "mean_average_precision_at_r"):
            logs[f"val_{name}"] = metrics[name]


class ProgressBar(keras.callbacks.Callback):
    """One tqdm bar over all steps of a `fit`, with the loss and the last validation beside it.

    Args:
        total_steps: int >= 1, steps of all epochs.
    """

    def __init__(self, total_steps: int) -> None:
        super().__init__()
        self._total_steps = total_steps

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=self._total_steps, desc="train", unit="step")
        self._shown: dict[str, str] = {}

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._bar.update(1)
        self._show(loss=(logs or {}).get("loss"))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._show(val_p_at_1=(logs or {}).get("val_precision_at_1"))

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        self._bar.close()

    def _show(self, **values: float | None) -> None:
        self._shown.update({k: f"{v:.3f}" for k, v in values.items() if v is not None})
        self._bar.set_postfix(self._shown, refresh=False)
