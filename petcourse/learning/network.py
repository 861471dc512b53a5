"""The talk's U-Net in Keras 3."""

from petcourse.learning.backend import load_keras


def unet(shape=(128, 128, 1), filters=(2, 4, 8, 16), seed=0):
    """Build the U-Net of the talk (2019): 3870 parameters at the default size.

    Each convolution of the encoder (3 x 3, stride 2, zero padding, ReLU) halves the image. Each step of the decoder
    doubles it (bilinear), concatenates the encoder's image of the same size, at last the input, and convolves.

    As in the talk, the last convolution has a ReLU too: from an unlucky seed it starts at zero everywhere, has no
    gradient and never learns. `train` refuses to go on then; take another seed.
    After Ronneberger et al. (2015), doi:10.1007/978-3-319-24574-4_28.

    Parameters
    ----------
    shape : tuple of int
        (y, x, channels) of the input; y and x divide by ``2**len(filters)``.
    filters : tuple of int
        Filters of the encoder; the decoder has them in reverse order, without the last and with 1 at its end.
    seed : int
        Of the weights, for ``keras.utils.set_random_seed``, which sets Python's and NumPy's global seeds as well.

    Returns
    -------
    keras.Model
        Compiled with Adam and the mean squared error; its output is (slice, y, x, 1), float32.

    Raises
    ------
    ValueError
        If y or x do not divide.
    """
    step = 2 ** len(filters)
    if len(shape) != 3 or min(shape) < 1 or shape[0] % step or shape[1] % step:
        raise ValueError(f"The shape {shape} does not divide by {step} in y and x: crop or pad to (y, x, channels).")
    keras = load_keras()
    keras.utils.set_random_seed(seed)
    x = inputs = keras.Input(shape)
    skips = []
    for f in filters:
        skips.append(x)
        x = keras.layers.Conv2D(f, 3, strides=2, padding="same", activation="relu")(x)
    for f in (*filters[-2::-1], 1):
        x = keras.layers.UpSampling2D(2, interpolation="bilinear")(x)
        x = keras.layers.Concatenate()([x, skips.pop()])
        x = keras.layers.Conv2D(f, 3, padding="same", activation="relu")(x)
    model = keras.Model(inputs, x, name=f"unet_seed_{seed}")  # so that a checkpoint knows whose it is
    model.compile("adam", loss="mse")
    return model
