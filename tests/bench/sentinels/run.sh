#!/bin/sh
# Trains sentinels for CIFAR-10, GTSRB, MobileNetV2 and the drawn signs, as far as they are not there yet, and prints how
# well they, a student and squeezing find attacks and patches, what a cascade of them costs, what is left on pictures with
# noise, and what gets through when the attacker knows them all. Sentinels learn from the training halves, of ImageNet from
# 400 of its 1000 photographs; the others calibrate, and from what is left of them come the attacks' seeds. Each set of
# drawn signs has one use: see models/signs/README.md. Words after `run.sh` name the classifiers that are wanted.
set -eu
cd "$(dirname "$0")/../../.."
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

of() { # MODEL COMMAND ARGUMENTS
    model=$1
    shift
    "$PORTCULLIS" --config "tests/bench/sentinels/$model.toml" --log error "$@"
}

measured() { # MODEL CALIBRATED-ON COUNT ATTACKED
    model=$1 calibrated_on=$2 count=$3 attacked=$4
    echo "== $model"
    of "$model" calibrate --data "$calibrated_on" --count "$count"
    of "$model" redteam --data "$attacked" --suite library --seeds 200 --out "$to/$model/oblivious"
    of "$model" redteam --data "$attacked" --attacks patch,sticker --seeds 200 --out "$to/$model/patches"
    of "$model" redteam --data "$attacked" --levels adaptive --seeds 30 --count 600 --out "$to/$model/adaptive"
    for share in 0.3 0.2 0.1; do
        echo "-- $model, a cascade with a share of $share"
        of_cascade() {
            of "$model" --set "models.$model.cascade.first=[\"sentinel\"]" --set "models.$model.cascade.share=$share" \
                --set "models.$model.profile=$PWD/$to/$model-$share.json" --set "models.$model.fpr=0.05" "$@"
        }
        of_cascade calibrate --data "$calibrated_on" --count "$count" --exclude "$to/$model/oblivious"
        of_cascade evaluate --data "$attacked" --count 1800 --adversarial "$to/$model/oblivious"
    done
}

noisy() { # MODEL COUNT
    model=$1 count=$2
    target/golden/bin/python tests/bench/noisy.py "$model" "$to/$model-noisy.npz"
    echo "-- $model, with noise in calibration and attack"
    of_noisy() {
        of "$model" --set "models.$model.profile=$PWD/$to/$model-noisy.json" "$@" --data "$to/$model-noisy.npz"
    }
    of_noisy calibrate --count "$count"
    of_noisy redteam --suite library --seeds 100 --out "$to/$model/noisy"
    echo "-- $model, with noise, calibrated without"
    of "$model" evaluate --data "$to/$model-noisy.npz" --count 1800
}

cifar10() {
    trained cifar10 "$shared/models/cifar10_resnet20.onnx" "$data/cifar10" --mirror --output kind=logits \
        --input 'mean=[0.485,0.456,0.406]' --input 'std=[0.229,0.224,0.225]'
    measured cifar10 "$data/cifar10" 3000 "$data/cifar10"
    noisy cifar10 3000
}

gtsrb() {
    trained gtsrb "$shared/models/gtsrb_cnn.onnx" "$data/gtsrb"
    measured gtsrb "$data/gtsrb" 2000 "$data/gtsrb"
    noisy gtsrb 2000
}

# Two of five photographs train. Few photographs in many epochs, few of them in a batch: they are 49 times as large.
mobilenetv2() {
    mkdir -p "$to/mobilenetv2"
    photographs=$(realpath "$data/imagenet")
    (cd "$photographs" && find . -name '*.jpg') | LC_ALL=C sort | awk -v from="$photographs" -v to="$to/mobilenetv2" '
        { label = NR - 1; print from "/" $0 "," label > (to (label % 5 < 2 ? "/train.csv" : "/rest.csv")) }'
    trained mobilenetv2 "$shared/models/imagenet_mobilenetv2.onnx" "$to/mobilenetv2/train.csv" --input 'range=[-1,1]' \
        --output kind=logits --size tiny --batch 8 --epochs 30
    echo "== mobilenetv2"
    of mobilenetv2 calibrate --data "$to/mobilenetv2/rest.csv" --count 390
    for attack in fgsm:2 fgsm:8 bim:1 pgd:4 cw_2:8; do
        of mobilenetv2 redteam --data "$to/mobilenetv2/rest.csv" --levels oblivious --seeds 60 \
            --attacks "${attack%:*}" --eps "${attack#*:}" --out "$to/mobilenetv2/oblivious-${attack%:*}-${attack#*:}"
    done
}

signs() {
    trained signs models/signs/classifier/classifier.onnx signs:2
    measured signs signs:3 3000 signs:10
}

for model in ${*:-cifar10 gtsrb mobilenetv2 signs}; do
    $model
done
