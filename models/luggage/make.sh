#!/bin/sh
# Makes the classifier of scanned bags anew, with its student, its sentinel and its profile. What is interrupted goes on when
# this is run again. Every set of bags has one use: see README.md beside this file.
set -eu
cd "$(dirname "$0")/../.."
to=models/luggage
from=target/models/luggage

. models/training.sh

finished classifier classifier.onnx train --data luggage:1:3500 --epochs 8 --batch 32
teacher=$from/classifier/classifier.onnx
finished sentinel sentinel.onnx sentinel --teacher "$teacher" --data luggage:2:800 --epochs 3 --batch 16
finished plain student.onnx distill --teacher "$teacher" --data luggage:2:2000 --epochs 8 --batch 32

moved classifier sentinel plain
"$PORTCULLIS" --config deploy/examples/luggage.toml calibrate --data luggage:3:900 --fpr 0.05,0.01
