#!/bin/sh
# Calibrates the example classifiers on the test halves of their data, without the seeds of the adversarial sets, and
# leaves a part of each test half for detection.sh. 3000 inputs reach a false-positive rate of 0.1%, 300 reach 1%.
# Profiles that still belong to their classifier stay as they are.
set -eu
cd "$(dirname "$0")/../.."
data=../shared/data
if [ ! -d "$data" ]; then
    echo "the example classifiers and their data are missing: there is no ../shared" >&2
    exit 1
fi
if [ -z "${PORTCULLIS:-}" ]; then
    ${CARGO:-cargo} build --quiet --locked
    PORTCULLIS=target/debug/portcullis
fi

calibrate() { # CONFIGURATION MODEL DATA COUNT
    echo "$2"
    "$PORTCULLIS" --config "deploy/examples/$1.toml" --log warn calibrate --model "$2" --data "$data/$3" --count "$4" \
        --exclude "$data/adversarial/mnist_cnn.npz" \
        --exclude "$data/adversarial/cifar10_resnet20.npz" \
        --exclude "$data/adversarial/gtsrb_cnn.npz"
    echo
}

check() { # CONFIGURATION
    "$PORTCULLIS" --config "deploy/examples/$1.toml" --log warn config check 2>/dev/null
}

if ! check five_classifiers; then
    calibrate five_classifiers mnist mnist 3000
    calibrate five_classifiers cifar10 cifar10 3000
    calibrate five_classifiers gtsrb gtsrb 2000
    calibrate five_classifiers squeezenet imagenet 600
    calibrate five_classifiers mobilenetv2 imagenet 600
fi
if ! check mnist_cnn; then
    calibrate mnist_cnn mnist_cnn mnist 3000
fi
