#!/bin/sh
# Makes the classifier of traffic signs anew, with its students and its profile. What is interrupted goes on when this is
# run again. Every set of signs has one use: see README.md beside this file.
set -eu
cd "$(dirname "$0")/../.."
to=models/signs
from=target/models/signs

. models/training.sh

finished classifier classifier.onnx train --data signs:1 --epochs 12
teacher=$from/classifier/classifier.onnx
finished plain student.onnx distill --teacher "$teacher" --data signs:2 --epochs 10
finished robust student.onnx distill --teacher "$teacher" --data signs:2 --epochs 10 --robust pgd --steps 1 --batch 32

moved classifier plain robust
"$PORTCULLIS" --config deploy/examples/signs.toml calibrate --data signs:3 --count 3000
