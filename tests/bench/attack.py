"""Times twenty steps of PGD on 300 pictures of CIFAR-10 against the ResNet-20 of ../shared, with PyTorch and with ours,
both on all cores, and prints the ratio.

The two take turns; a ratio of the medians stands beside the least and the largest of the single rounds. PyTorch runs the
same ONNX file (by onnx2torch), in the batch size that suits it best. `make bench-attack` runs this.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from onnx2torch import convert

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "../shared"
PICTURES, STEPS, EPS = 300, 20, 8 / 255
ROUNDS = 5
BATCHES = [32, 100, 300]
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def pictures():
    """The first test pictures, N x 3 x 32 x 32 in [0, 1], and their labels."""
    records = np.fromfile(SHARED / "data/cifar10/test_batch.bin", dtype=np.uint8).reshape(-1, 3073)[:PICTURES]
    pixels = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 255)
    return pixels, torch.from_numpy(records[:, 0].astype(np.int64))


def classifier():
    model = convert(str(SHARED / "models/cifar10_resnet20.onnx")).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return lambda pixels: model((pixels - mean) / std)


def pgd(model, benign, labels):
    step = EPS / 8
    moved = (benign + torch.empty_like(benign).uniform_(-EPS, EPS)).clamp(0, 1)
    for _ in range(STEPS):
        moved.requires_grad_(True)
        loss = torch.nn.functional.cross_entropy(model(moved), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, moved)
        moved = moved.detach() + step * gradient.sign()
        moved = (benign + (moved - benign).clamp(-EPS, EPS)).clamp(0, 1)
    return moved


def their_time(model, pixels, labels, batch):
    began = time.perf_counter()
    for first in range(0, PICTURES, batch):
        pgd(model, pixels[first : first + batch], labels[first : first + batch])
    return time.perf_counter() - began


def our_times():
    command = [os.environ.get("CARGO", "cargo"), "bench", "--quiet", "--locked", "--bench", "attack"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return [float(line) for line in done.stdout.split()]


def main():
    torch.set_num_threads(os.cpu_count())
    pixels, labels = pictures()
    model = classifier()
    with torch.no_grad():
        accuracy = (model(pixels).argmax(1) == labels).float().mean().item()
    pgd(model, pixels[:32], labels[:32])
    batch = min(BATCHES, key=lambda batch: their_time(model, pixels, labels, batch))
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(min(our_times()))
        theirs.append(min(their_time(model, pixels, labels, batch) for _ in range(2)))
    ratios = [our / their for our, their in zip(ours, theirs)]
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(f"PGD-{STEPS} on {PICTURES} pictures, {os.cpu_count()} cores; the classifier reads {accuracy:.1%} of them rightly")
    print(f"ours     {statistics.median(ours):6.2f} s  ({min(ours):.2f} to {max(ours):.2f})")
    print(f"PyTorch  {statistics.median(theirs):6.2f} s  ({min(theirs):.2f} to {max(theirs):.2f}), {torch.__version__}, batches of {batch}")
    print(f"ratio    {ratio:6.2f}    ({min(ratios):.2f} to {max(ratios):.2f}), goal 1.00: {'met' if ratio <= 1 else 'missed'}")


if __name__ == "__main__":
    main()
