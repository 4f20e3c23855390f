import keras
import numpy as np

from fused_encoder.encoder import load_encoder
from training import create_triplet_model
from training.callbacks import EncoderCheckpoint


class Logging(keras.callbacks.Callback):
    """Logs written figures as if they were a validation."""

    def __init__(self, *figures):
        super().__init__()
        self.figures = figures

    def on_epoch_end(self, epoch, logs=None):
        logs["val_precision_at_1"] = self.figures[epoch]


def pairs_of_zeros_and_ones():
    photos = np.stack([np.zeros((224, 224, 3)), np.ones((224, 224, 3))])
    sounds = np.stack([np.ones((4, 1024)), np.zeros((4, 1024))])
    return {"image_input": photos.astype("float32"), "audio_input": sounds.astype("float32")}


def test_the_checkpoint_of_a_triplet_model_is_the_whole_encoder(small_encoder, tmp_path):
    encoder = small_encoder()
    checkpoint = EncoderCheckpoint(tmp_path / "best.keras", encoder)
    checkpoint.set_model(create_triplet_model(encoder))
    checkpoint.on_epoch_begin(0)
    checkpoint.on_epoch_end(0, {"val_precision_at_1": 0.5})
    inputs = pairs_of_zeros_and_ones()
    loaded = load_encoder(tmp_path / "best.keras")  # as any: test_encoder loads in a fresh process
    expected = encoder.predict_on_batch(inputs)
    np.testing.assert_allclose(loaded.predict_on_batch(inputs), expected, atol=1e-6)


def test_only_a_better_epoch_replaces_the_checkpoint(small_encoder, fit_with, tmp_path):
    encoder = small_encoder()
    marks = iter(range(1, 5))

    class Marking(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            projection = encoder.get_layer("fusion").get_layer("projection")
            projection.bias.assign(np.full(128, next(marks)))

    checkpoint = EncoderCheckpoint(tmp_path / "best.keras", encoder)
    fit_with(4, Marking(), Logging(0.5, 0.8, 0.6, 0.8), checkpoint)
    saved = load_encoder(tmp_path / "best.keras")
    assert saved.get_layer("fusion").get_layer("projection").bias.numpy()[0] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["best.keras"]
