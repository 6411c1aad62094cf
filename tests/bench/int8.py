"""Quantises the students of ../shared to 8 bits, and prints beside the students as they are how long they take, how often
both decide alike, and what each finds by itself. Every fifth test picture sets the ranges of the activations, the others
tell how alike the decisions are. `make int8` runs this.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from assessment import SHARED, index_of, run
from networks import SETS, answers, ready, session
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from test_half import test_half

ROUNDS, TIMES = 15, 30
RATES = (0.05, 0.01)


class Batches(CalibrationDataReader):
    def __init__(self, name, pictures):
        self.batches = ({name: part} for part in np.array_split(pictures, len(pictures) // 50))

    def get_next(self):
        return next(self.batches, None)


def quantised(student, pictures, folder):
    """The student with activations and weights of 8 bits, the weights channel by channel."""
    prepared, made = folder / "prepared.onnx", folder / "int8.onnx"
    quant_pre_process(student, prepared)
    batches = Batches(session(student).get_inputs()[0].name, pictures)
    kinds = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QUInt8}
    quantize_static(prepared, made, batches, quant_format=QuantFormat.QDQ, per_channel=True, **kinds)
    return made


def least_times(networks, picture):
    """Microseconds of one prediction, the least of all rounds, in turns."""
    least = [np.inf] * len(networks)
    for _ in range(ROUNDS):
        for at, network in enumerate(networks):
            name, began = network.get_inputs()[0].name, time.perf_counter()
            for _ in range(TIMES):
                network.run(None, {name: picture})
            least[at] = min(least[at], 1e6 * (time.perf_counter() - began) / TIMES)
    return least


def found(name, student, folder):
    """What a disagreement with the student finds of the adversarial sets, by attack, at each rate."""
    classifier, mean, deviation, count, _ = SETS[name]
    models, config = (SHARED / "models").resolve(), folder / f"{student.stem}.toml"
    config.write_text(f"""
upstream.embedded = true
[[models]]
name = "{name}"
path = "{models / classifier}.onnx"
profile = "{folder / student.stem}.json"
input = {{ mean = {mean}, std = {deviation} }}
[[models.students]]
name = "student"
path = "{student.resolve()}"
[[models.detectors]]
kind = "disagreement"
student = "student"
""")
    attacks, data = SHARED / f"data/adversarial/{classifier}.npz", SHARED / "data" / name
    run(config, "calibrate", "--data", data, "--count", count, "--exclude", attacks)
    report = json.loads(run(config, "evaluate", "--json", "--data", data, "--count", 1800, "--adversarial", attacks))
    at = [index_of(report, rate) for rate in RATES]
    return [np.array([finding["combined"]["detected"][index]["rate"] for finding in report["findings"]]) for index in at]


def main():
    if not SHARED.is_dir():
        sys.exit(f"the students and their data are missing: there is no {SHARED}")
    print("student          time   alike  found at 5%: mean, worst  at 1%: mean, worst")
    for name, (_, mean, deviation, *_) in SETS.items():
        pixels = test_half(name)[0].astype(np.float32) / np.float32(255)
        pictures = np.ascontiguousarray(ready(pixels, mean, deviation))
        ranges, pictures = pictures[::5], np.concatenate([pictures[start::5] for start in range(1, 5)])
        with tempfile.TemporaryDirectory() as folder:
            student = SHARED / f"models/students/{name}.onnx"
            files = [student, quantised(student, ranges, Path(folder))]
            networks = [session(file) for file in files]
            classes = [answers(network, pictures).argmax(1) for network in networks]
            times = least_times(networks, pictures[:1])
            for file, time_taken, read, kind in zip(files, times, classes, ["floats", "8 bits"]):
                shares = ", ".join(f"{rate.mean():.3f} {rate.min():.3f}" for rate in found(name, file, Path(folder)))
                print(f"{name:8} {kind:6} {time_taken:5.0f} µs  {np.mean(read == classes[0]):6.1%}  {shares}", flush=True)


if __name__ == "__main__":
    main()
