import json
import subprocess
import sys

import pytest

# In a process of its own: logical devices are set before TensorFlow starts.
PROGRAM = """
import json
import keras
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from training.losses import CrossBatchMemory, SupConLoss, TripletLoss

LOSSES = {
    "semi-hard": lambda: TripletLoss(mining="semi-hard"),
    "all": lambda: TripletLoss(mining="all"),
    "memory": lambda: CrossBatchMemory(SupConLoss(), memory_size=16, embedding_size=5),
}
inputs = np.random.default_rng(0).normal(size=(24, 8)).astype("float32")
items = np.arange(24, dtype="int32")
labels = np.stack([items % 3, items, items], axis=1)

def trained(loss, strategy):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        layers = [keras.Input((8,)), keras.layers.Dense(5), keras.layers.UnitNormalization()]
        model = keras.Sequential(layers)
        model.compile(keras.optimizers.SGD(0.1), loss())
    dataset = tf.data.Dataset.from_tensor_slices((inputs, labels)).batch(8)
    losses = model.fit(dataset, epochs=2, verbose=0).history["loss"]
    return [*losses, *model.get_weights()[0].astype(float).ravel().tolist()]

strategies = tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
print(json.dumps({name: [trained(loss, s) for s in strategies] for name, loss in LOSSES.items()}))
"""


@pytest.fixture(scope="module")
def runs():
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", ["semi-hard", "all", "memory"])
def test_two_replicas_train_to_the_loss_and_the_weights_of_one(name, runs):
    alone, together = runs[name]
    assert together == pytest.approx(alone, abs=1e-5)
