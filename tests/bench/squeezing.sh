#!/bin/sh
# Prints what each squeezer finds by itself, the classifier being attacked with the suite `library`: CIFAR-10 and GTSRB. The
# test halves calibrate, and from what is left of them come the attacks' seeds.
set -eu
cd "$(dirname "$0")/../.."
shared=../shared
to=target/squeezing
if [ ! -d "$shared" ]; then
    echo "the classifiers and their data are missing: there is no $shared" >&2
    exit 1
fi

squeezers='bit_depth(3) bit_depth(4) bit_depth(5) median(2,2) median(3,3) nlm(11,3,4) nlm(13,3,2) resize(0.5)
    resize(0.75) crop(0.8) crop(0.9) gaussian(0.5) gaussian(1) jpeg(25) jpeg(50) jpeg(75) jpeg(90) wavelet(8) wavelet(16)
    bilateral(5,25,5) bilateral(5,75,5) tv(0.05) tv(0.1) noise(4,1) noise(8,1) noise(16,1)'

measure() { # MODEL CLASSIFIER COUNT INPUT
    mkdir -p "$to"
    {
        printf '[upstream]\nembedded = true\n[[models]]\nname = "%s"\npath = "../../%s/models/%s.onnx"\n' "$1" "$shared" "$2"
        printf 'profile = "%s.json"\n%s\n' "$1" "$4"
        for squeezer in $squeezers; do
            printf '[[models.detectors]]\nkind = "feature_squeezing"\nname = "%s"\nsqueezers = ["%s"]\n' \
                "$squeezer" "$squeezer"
        done
    } >"$to/$1.toml"
    of_model() {
        "$PORTCULLIS" --config "$to/$model.toml" --log error "$@" --data "$shared/data/$model"
    }
    model=$1
    echo "== $model"
    of_model calibrate --count "$3"
    of_model redteam --suite library --seeds 200 --out "$to/$model"
}

measure cifar10 cifar10_resnet20 3000 'input = { mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] }'
measure gtsrb gtsrb_cnn 2000 ''
