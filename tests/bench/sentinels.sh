#!/bin/sh
# Trains a sentinel for CIFAR-10 and one for GTSRB, as far as they are not there yet, and prints how well they, a student
# and squeezing find the attacks of the suite `library`, and what gets through when the attacker knows them all. Sentinels
# learn from the training halves; the test halves calibrate, and from what is left of them come the attacks' seeds.
set -eu
cd "$(dirname "$0")/../.."
shared=../shared
to=target/sentinels
if [ ! -d "$shared" ]; then
    echo "the classifiers and their data are missing: there is no $shared" >&2
    exit 1
fi

guard() { # MODEL CLASSIFIER COUNT ARGUMENTS
    model=$1 classifier=$2 count=$3
    shift 3
    [ -e "$to/$model/sentinel.onnx" ] || "$PORTCULLIS" sentinel --teacher "$shared/models/$classifier.onnx" \
        --data "$shared/data/$model" --out "$to/$model" "$@"
    of_model() {
        command=$1
        shift
        "$PORTCULLIS" --config tests/bench/sentinels.toml --log error "$command" --model "$model" \
            --data "$shared/data/$model" "$@"
    }
    echo "== $model"
    of_model calibrate --count "$count"
    of_model redteam --suite library --seeds 200 --out "$to/$model/oblivious"
    of_model redteam --levels adaptive --seeds 30 --count 600 --out "$to/$model/adaptive"
}

guard cifar10 cifar10_resnet20 3000 --mirror --output kind=logits \
    --input 'mean=[0.485,0.456,0.406]' --input 'std=[0.229,0.224,0.225]'
guard gtsrb gtsrb_cnn 2000
