import subprocess
import sys

import keras
import numpy as np
import pytest

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
    np.savez(tmp_path / "inputs.npz", **inputs)
    program = (
        "import sys, numpy as np\n"
        "from fused_encoder.encoder import load_encoder\n"
        "encoder = load_encoder(sys.argv[1])\n"
        "inputs = dict(np.load(sys.argv[2]))\n"
        "np.save(sys.argv[3], encoder.predict_on_batch(inputs))"
    )
    paths = [tmp_path / name for name in ("best.keras", "inputs.npz", "embeddings.npy")]
    subprocess.run([sys.executable, "-c", program, *paths], check=True, capture_output=True)
    np.testing.assert_allclose(
        np.load(tmp_path / "embeddings.npy"), encoder.predict_on_batch(inputs), atol=1e-6
    )


def test_only_a_better_epoch_replaces_the_checkpoint(small_encoder, fit_with, tmp_path):
    encoder = small_encoder()
    marks = iter(range(1, 5))

    class Marking(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            encoder.get_layer("fusion").get_layer("projection").bias.assign(
                np.full(128, next(marks))
            )

    checkpoint = EncoderCheckpoint(tmp_path / "best.keras", encoder)
    fit_with(4, Marking(), Logging(0.5, 0.8, 0.6, 0.8), checkpoint)
    saved = load_encoder(tmp_path / "best.keras")
    assert saved.get_layer("fusion").get_layer("projection").bias.numpy()[0] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["best.keras"]


def test_a_checkpoint_that_is_no_keras_file_is_refused(small_encoder):
    with pytest.raises(ValueError, match=r"ends in \.keras, received 'best\.h5'"):
        EncoderCheckpoint("best.h5", small_encoder())
