"""Keras on TensorFlow, JAX or PyTorch, imported without a flood of messages."""

import importlib.util
import logging
import os
import re
import sys
import tempfile

from petcourse.hardware.remedies import pip

# What TensorFlow's C++ says at every start, with time stamps; its warnings and errors do not match.
_CHATTER = re.compile(r"I\d{4} |[\d-]{10} \S+ I |WARNING: All log messages before absl|To enable the following instr")


def load_keras():
    """Import Keras on the back-end that KERAS_BACKEND names (TensorFlow if unset), without TensorFlow's chatter.

    TensorFlow writes it past Python, to file descriptor 2, and no environment variable silences all of it; so the
    descriptor leads to a file meanwhile, from which everything but the known lines is passed on. An ImportError
    says so if the back-end is not TensorFlow, JAX or PyTorch, or is not installed.

    On a GPU TensorFlow takes memory as it needs it, so that CuPy has room beside it; by default it would take nearly all
    (https://www.tensorflow.org/guide/gpu#limiting_gpu_memory_growth).
    """
    if "keras" in sys.modules:
        return sys.modules["keras"]
    backend = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if backend not in ("tensorflow", "jax", "torch"):
        raise ImportError(f"KERAS_BACKEND is {backend!r}: set it to 'tensorflow', 'jax' or 'torch'.")
    if importlib.util.find_spec(backend) is None:
        text = f"KERAS_BACKEND asks for {backend!r}, which is not installed: type {pip(f'install {backend}')}"
        raise ImportError(f"{text}, or set KERAS_BACKEND to one that is, and restart the kernel.")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # read when the first tensor starts the devices
    sys.stderr.flush()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        stderr = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            import keras

            keras.ops.zeros(1)  # the first tensor starts the devices, which TensorFlow announces as well
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            log.seek(0)
            sys.stderr.writelines(line for line in log if not _CHATTER.match(line))
    # TensorFlow complains of tracing when five models are built one after another; each must be traced, once or twice.
    logging.getLogger("tensorflow").addFilter(lambda record: "tf.function retracing" not in record.getMessage())
    return keras
