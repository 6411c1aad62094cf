"""How often a second ONNX Runtime alone makes the predictions of one guarded request, on both cores.

predictions.py SECONDS MODEL STUDENT COPIES: the model on the input and its COPIES, and the student. Prints the rate.
"""

import sys
import threading
import time

import numpy as np
import onnxruntime

THREADS = 2


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def feed(session, random):
    shape = [side if isinstance(side, int) else 1 for side in session.get_inputs()[0].shape]
    return {session.get_inputs()[0].name: random.random(shape, np.float32)}


def main(seconds, model, student, copies):
    random = np.random.default_rng(1)
    sessions = [[session(model)] * (1 + int(copies)) + [session(student)] for _ in range(THREADS)]
    feeds = [feed(run, random) for run in sessions[0]]
    counts = [0] * THREADS
    began = time.monotonic()

    def predict(thread):
        while time.monotonic() < began + float(seconds):
            for run, values in zip(sessions[thread], feeds):
                run.run(None, values)
            counts[thread] += 1

    threads = [threading.Thread(target=predict, args=[thread]) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(counts) / (time.monotonic() - began))


if __name__ == "__main__":
    main(*sys.argv[1:])
