#!/bin/sh
# Trains what `train.sh` trains, and prints how well sentinels, a student and squeezing find attacks and patches, what a
# cascade of them costs, what is left on pictures with noise, how many pictures with stickers are flagged, and what gets through
# when the attacker knows them all. Test halves calibrate, of ImageNet what did not train, and from what is left of them come the
# attacks' seeds. Each set of drawn signs has one use: see models/signs/README.md. Words after `run.sh` name the classifiers that
# are wanted.
set -eu
cd "$(dirname "$0")/../../.."
export PORTCULLIS="${PORTCULLIS:-target/release/portcullis}"
to=target/sentinels
wanted=${*:-cifar10 gtsrb mobilenetv2 signs}
sh tests/bench/sentinels/train.sh $wanted
data=../shared/data

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
    of "$model" redteam --data "$attacked" --attacks patch,sticker --seeds 400 --out "$to/$model/patches"
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

blemished() { # MODEL COUNT
    model=$1 count=$2
    for kind in noise pieces squares; do
        target/golden/bin/python tests/bench/blemished.py "$model" $kind "$to/$model-$kind.npz"
        echo "-- $model, with $kind, calibrated without"
        of "$model" evaluate --data "$to/$model-$kind.npz" --count 1800
    done
    echo "-- $model, with noise in calibration and attack"
    of_noisy() {
        of "$model" --set "models.$model.profile=$PWD/$to/$model-noisy.json" "$@" --data "$to/$model-noise.npz"
    }
    of_noisy calibrate --count "$count"
    of_noisy redteam --suite library --seeds 100 --out "$to/$model/noisy"
    of_noisy redteam --attacks patch,sticker --seeds 400 --out "$to/$model/noisy-patches"
}

cifar10() {
    measured cifar10 "$data/cifar10" 3000 "$data/cifar10"
    blemished cifar10 3000
}

gtsrb() {
    measured gtsrb "$data/gtsrb" 2000 "$data/gtsrb"
    blemished gtsrb 2000
}

mobilenetv2() {
    echo "== mobilenetv2"
    of mobilenetv2 calibrate --data "$to/mobilenetv2/rest.csv" --count 390
    for attack in fgsm:2 fgsm:8 bim:1 pgd:4 cw_2:8; do
        of mobilenetv2 redteam --data "$to/mobilenetv2/rest.csv" --levels oblivious --seeds 60 \
            --attacks "${attack%:*}" --eps "${attack#*:}" --out "$to/mobilenetv2/oblivious-${attack%:*}-${attack#*:}"
    done
}

signs() {
    measured signs signs:3 3000 signs:10
}

for model in $wanted; do
    $model
done
