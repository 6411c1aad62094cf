#!/bin/sh
# Prints how well the adversarial sets are detected, attack by attack, and how many benign inputs are flagged that neither
# a profile nor an attack has used. Calibrates first what is not calibrated.
set -eu
cd "$(dirname "$0")/../.."
data=../shared/data
sh tests/bench/profiles.sh
echo

evaluate() { # CONFIGURATION MODEL DATA [SET]
    "${PORTCULLIS:-target/debug/portcullis}" --config "deploy/examples/$1.toml" --log warn evaluate --model "$2" \
        --data "$data/$3" ${4:+--adversarial "$data/adversarial/$4.npz"}
    echo
}

evaluate mnist_cnn mnist_cnn mnist mnist_cnn
evaluate five_classifiers cifar10 cifar10 cifar10_resnet20
evaluate five_classifiers gtsrb gtsrb gtsrb_cnn
# No set was made against these: false positives alone.
evaluate five_classifiers mnist mnist
evaluate five_classifiers squeezenet imagenet
evaluate five_classifiers mobilenetv2 imagenet
