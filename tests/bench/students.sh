#!/bin/sh
# Distils a plain and a robust student from the traffic-sign classifier of ../shared, as far as they are not there yet,
# and prints how well each finds adversarial examples by itself, beside the student that came with the data. Thresholds
# come from benign test pictures that are no seeds of the attacks; a training that is interrupted goes on.
set -eu
cd "$(dirname "$0")/../.."
shared=../shared
students=target/students
if [ ! -d "$shared" ]; then
    echo "the classifier and its data are missing: there is no $shared" >&2
    exit 1
fi

distil() { # NAME ARGUMENTS
    name=$1
    shift
    [ -e "$students/$name/student.onnx" ] || "$PORTCULLIS" distill --teacher "$shared/models/gtsrb_cnn.onnx" \
        --data "$shared/data/gtsrb" --out "$students/$name" "$@"
}

distil plain --epochs 12
distil robust --epochs 14 --robust pgd --steps 1 --batch 32
for model in given plain robust together; do
    of_model() {
        command=$1
        shift
        "$PORTCULLIS" --config tests/bench/students.toml --log warn "$command" --model "$model" \
            --data "$shared/data/gtsrb" "$@"
    }
    echo "== $model"
    of_model calibrate --count 2000 --exclude "$shared/data/adversarial/gtsrb_cnn.npz"
    of_model evaluate --adversarial "$shared/data/adversarial/gtsrb_cnn.npz"
done
