"""TensorFlow and Keras: the base as a tf.function on N x H x W x 3, the head by model.fit."""

import os

# Set before the import: how much it talks.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import rival


class TensorFlow:
    version = tf.__version__
    settings = f"f32, tf.function; head by Keras {keras.__version__}"

    def __init__(self, threads, folder, network=None):
        if network:
            raise ValueError("reads none of the networks' files")
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        blocks = [
            [(tf.constant(kernel.transpose(2, 3, 1, 0)), tf.constant(bias)) for kernel, bias in block]
            for block in rival.blocks()
        ]

        @tf.function
        def base(maps):
            for block in blocks:
                for kernel, bias in block:
                    maps = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(maps, kernel, 1, "SAME"), bias))
                maps = tf.nn.max_pool2d(maps, 2, 2, "VALID")
            return maps

        self.base = base

    def prepare(self, images):
        return tf.constant(images.transpose(0, 2, 3, 1))

    def forward(self, images):
        return self.base(images)

    def features(self, maps):
        return np.ascontiguousarray(maps.numpy().transpose(0, 3, 1, 2))

    def head(self, rows, labels):
        layers = [keras.layers.Dense(256, "relu"), keras.layers.Dropout(0.5), keras.layers.Dense(1, "sigmoid")]
        net = keras.Sequential([keras.Input(rows.shape[1:]), *layers])
        net.compile(keras.optimizers.RMSprop(), "binary_crossentropy", metrics=["accuracy"])
        return lambda: net.fit(rows, labels, batch_size=32, epochs=1, verbose=0)


if __name__ == "__main__":
    rival.main(TensorFlow)
