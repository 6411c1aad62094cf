#!/bin/sh
# Trains sentinels for CIFAR-10, GTSRB and the drawn signs, as far as they are not there yet, and prints how well they, a
# student and squeezing find the attacks of the suite `library` and patches, what a cascade of them costs, and what gets
# through when the attacker knows them all. Sentinels learn from the training halves; the test halves calibrate, and from
# what is left of them come the attacks' seeds. Each set of drawn signs has one use: see models/signs/README.md.
set -eu
cd "$(dirname "$0")/../.."
shared=../shared
to=target/sentinels
if [ ! -d "$shared" ]; then
    echo "the classifiers and their data are missing: there is no $shared" >&2
    exit 1
fi

data=$shared/data

trained() { # MODEL CLASSIFIER DATA ARGUMENTS
    model=$1 classifier=$2 data_of_model=$3
    shift 3
    [ -e "$to/$model/sentinel.onnx" ] ||
        "$PORTCULLIS" sentinel --teacher "$classifier" --data "$data_of_model" --out "$to/$model" "$@"
}

measured() { # MODEL CALIBRATED-ON COUNT ATTACKED
    model=$1 calibrated_on=$2 count=$3 attacked=$4
    of_model() {
        "$PORTCULLIS" --config tests/bench/sentinels.toml --log error "$@" --model "$model"
    }
    echo "== $model"
    of_model calibrate --data "$calibrated_on" --count "$count"
    of_model redteam --data "$attacked" --suite library --seeds 200 --out "$to/$model/oblivious"
    of_model redteam --data "$attacked" --attacks patch,sticker --seeds 200 --out "$to/$model/patches"
    of_model redteam --data "$attacked" --levels adaptive --seeds 30 --count 600 --out "$to/$model/adaptive"
    for share in 0.3 0.2 0.1; do
        echo "-- $model, a cascade with a share of $share"
        of_cascade() {
            of_model --set "models.$model.cascade.first=[\"sentinel\"]" --set "models.$model.cascade.share=$share" \
                --set "models.$model.profile=$PWD/$to/$model-$share.json" --set "models.$model.fpr=0.05" "$@"
        }
        of_cascade calibrate --data "$calibrated_on" --count "$count" --exclude "$to/$model/oblivious"
        of_cascade evaluate --data "$attacked" --count 1800 --adversarial "$to/$model/oblivious"
    done
}

# The configuration names all of them.
trained cifar10 "$shared/models/cifar10_resnet20.onnx" "$data/cifar10" --mirror --output kind=logits \
    --input 'mean=[0.485,0.456,0.406]' --input 'std=[0.229,0.224,0.225]'
trained gtsrb "$shared/models/gtsrb_cnn.onnx" "$data/gtsrb"
trained signs models/signs/classifier/classifier.onnx signs:2
measured cifar10 "$data/cifar10" 3000 "$data/cifar10"
measured gtsrb "$data/gtsrb" 2000 "$data/gtsrb"
measured signs signs:3 3000 signs:10
