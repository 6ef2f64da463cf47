"""What Keras 1 makes of the legacy kernels, and a file that it writes.

Run after generate.py. Made with Python 3.6.15, keras 1.2.2, Theano 1.0.5, h5py 2.10.0, numpy 1.16.6.

theano_convolution.json: the first convolution of legacy_f32.h5, its kernel as it stands in the file, applied by
Keras 1 on Theano to a small image. Whoever flips, or does not flip, wrongly gets other numbers.

keras1_channels_first.h5: the same network as Keras 1 saves it with dim_ordering 'th'. Its kernels are
(out, in, h, w), which the layout does not tell; it must be refused by its shapes.
"""

import json
import os
import pathlib

os.environ["KERAS_BACKEND"] = "theano"
os.environ.setdefault("THEANO_FLAGS", "floatX=float32,cxx=")

import h5py
import numpy as np
from keras import backend
from keras.layers import Convolution2D, MaxPooling2D, ZeroPadding2D
from keras.models import Sequential

HERE = pathlib.Path(__file__).resolve().parent


def main():
    backend.set_image_dim_ordering("th")
    with h5py.File(str(HERE / "legacy_f32.h5"), "r") as file:
        layers = []
        for k in range(file.attrs["nb_layers"]):
            group = file["layer_%d" % k]
            layers.append([group["param_%d" % p][()] for p in range(group.attrs["nb_params"])])

    # An odd image, so that height and width cannot be mistaken for one another.
    height, width = 5, 7
    model = Sequential()
    model.add(ZeroPadding2D((1, 1), input_shape=(2, height, width)))
    model.add(Convolution2D(3, 3, 3, name="block1_conv1"))
    model.add(ZeroPadding2D((1, 1)))
    model.add(Convolution2D(4, 3, 3, name="block1_conv2"))
    model.add(MaxPooling2D((2, 2), strides=(2, 2)))
    model.add(ZeroPadding2D((1, 1)))
    model.add(Convolution2D(5, 3, 3, name="block2_conv1"))
    model.add(MaxPooling2D((2, 2), strides=(2, 2)))
    for layer, weights in zip(model.layers, layers):
        layer.set_weights(weights)
    model.save_weights(str(HERE / "keras1_channels_first.h5"), overwrite=True)

    image = (np.random.RandomState(5).randint(-64, 64, (1, 2, height, width)) / 64).astype("float32")
    first = Sequential(model.layers[:2])
    output = first.predict(image)
    with open(str(HERE / "theano_convolution.json"), "w") as file:
        content = {
            "height": height,
            "width": width,
            "image": image.ravel().tolist(),
            "output": output.ravel().tolist(),
        }
        json.dump(content, file, indent=0)
        file.write("\n")


if __name__ == "__main__":
    main()
