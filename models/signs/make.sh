#!/bin/sh
# Makes the classifier of traffic signs anew, with its students and its profile. What is interrupted goes on when this is
# run again. Every set of signs has one use: see README.md beside this file.
set -eu
cd "$(dirname "$0")/../.."
to=models/signs
from=target/models/signs

finished() { # NAME FILE ARGUMENTS
    name=$1
    file=$2
    shift 2
    [ -e "$from/$name/$file" ] || "$PORTCULLIS" "$@" --size tiny --out "$from/$name"
}

finished classifier classifier.onnx train --data signs:1 --epochs 12
teacher=$from/classifier/classifier.onnx
finished plain student.onnx distill --teacher "$teacher" --data signs:2 --epochs 10
finished robust student.onnx distill --teacher "$teacher" --data signs:2 --epochs 10 --robust pgd --steps 1 --batch 32

for name in classifier plain robust; do
    rm -rf "${to:?}/$name"
    mv "$from/$name" "$to/$name"
    rm -f "$to/$name"/*.png
done
"$PORTCULLIS" --config deploy/examples/signs.toml calibrate --data signs:3 --count 3000
