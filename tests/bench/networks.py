"""The classifiers and students of ../shared that scripts ask themselves, in ONNX Runtime with one thread."""

import numpy as np
import onnxruntime

IMAGENET = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
# Classifier, mean and deviation of its input, pictures to calibrate on, false-positive rates within their reach.
SETS = {
    "cifar10": ("cifar10_resnet20", *IMAGENET, 3000, [0.05, 0.01, 0.001]),
    "gtsrb": ("gtsrb_cnn", [0.0] * 3, [1.0] * 3, 2000, [0.05, 0.01]),
}
BATCH = 128


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def ready(pixels, mean, deviation):
    """Pictures (NHWC, from 0 to 1) as the networks take them."""
    return ((pixels - np.float32(mean)) / np.float32(deviation)).transpose(0, 3, 1, 2)


def answers(network, inputs):
    key = network.get_inputs()[0].name
    batches = (np.ascontiguousarray(inputs[start : start + BATCH]) for start in range(0, len(inputs), BATCH))
    return np.concatenate([network.run(None, {key: batch})[0] for batch in batches])
