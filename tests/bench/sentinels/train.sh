#!/bin/sh
# Trains sentinels for the classifiers that are named, as far as they are not there yet: from training halves, of ImageNet
# from 400 of its 1000 photographs, of the drawn signs from a set of their own.
set -eu
cd "$(dirname "$0")/../../.."
PORTCULLIS=${PORTCULLIS:-target/release/portcullis}
shared=../shared
to=target/sentinels
if [ ! -d "$shared" ]; then
    echo "the classifiers and their data are missing: there is no $shared" >&2
    exit 1
fi
data=$shared/data
mkdir -p "$to"

trained() { # MODEL CLASSIFIER DATA ARGUMENTS
    model=$1 classifier=$2 data_of_model=$3
    shift 3
    [ -e "$to/$model/sentinel.onnx" ] ||
        "$PORTCULLIS" sentinel --teacher "$classifier" --data "$data_of_model" --out "$to/$model" "$@"
}

# Attacks on digits are as strong as those of the feature squeezing paper.
mnist() {
    trained mnist "$shared/models/mnist_cnn.onnx" "$data/mnist" --epochs 5 --attack-eps 77
}

cifar10() {
    trained cifar10 "$shared/models/cifar10_resnet20.onnx" "$data/cifar10" --mirror --output kind=logits \
        --input 'mean=[0.485,0.456,0.406]' --input 'std=[0.229,0.224,0.225]'
}

gtsrb() {
    trained gtsrb "$shared/models/gtsrb_cnn.onnx" "$data/gtsrb" --epochs 12
}

# Few photographs in many epochs, few of them in a batch: they are 49 times as large.
mobilenetv2() {
    "${PYTHON:-python3}" tests/bench/photographs.py "$to/mobilenetv2"
    trained mobilenetv2 "$shared/models/imagenet_mobilenetv2.onnx" "$to/mobilenetv2/train.csv" --input 'range=[-1,1]' \
        --output kind=logits --size tiny --batch 8 --epochs 30
}

# Few pictures and epochs: enough against patches.
signs() {
    trained signs models/signs/classifier/classifier.onnx signs:2 --count 3000 --epochs 5
}

for model in "$@"; do
    $model
done
