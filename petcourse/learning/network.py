"""Networks that clean images: the talk's U-Net, and one of three layers."""

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


def residual(channels=1, filters=16, dimensions=2, name=None):
    """Build ``relu(theta + CNN(theta, ...))``: two hidden layers of filters, three voxels wide, and one that sums.

    As it learns only what is to be changed, it begins as a network that changes nothing.

    Parameters
    ----------
    channels : int
        Images that it sees; the first is theta.
    filters : int
        Of each hidden layer.
    dimensions : {2, 3}
        It works slice by slice, or in space.
    name : str, optional

    Returns
    -------
    keras.Model
        From (slice, y, x, channel), or (volume, z, y, x, channel), of any size, to the same with one channel.
    """
    keras = load_keras()
    Conv = {2: keras.layers.Conv2D, 3: keras.layers.Conv3D}[dimensions]
    images = keras.Input((*[None] * dimensions, channels))
    hidden = Conv(filters, 3, padding="same", activation="relu")(images)
    hidden = Conv(filters, 3, padding="same", activation="relu")(hidden)
    change = Conv(1, 3, padding="same", kernel_initializer="zeros")(hidden)
    return keras.Model(images, keras.ops.relu(images[..., :1] + change), name=name)
