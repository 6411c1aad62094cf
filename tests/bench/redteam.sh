#!/bin/sh
# Attacks the guarded signs, CIFAR-10 and GTSRB at every threat level and prints what gets through; pages with pictures
# and curves, and what was made, come to target/redteam. What is interrupted goes on when this is run again.
set -eu
cd "$(dirname "$0")/../.."
export PORTCULLIS="${PORTCULLIS:-target/release/portcullis}"
SEEDS="${SEEDS:-30}"

attack() { # CONFIGURATION MODEL DATA
    "$PORTCULLIS" --config "deploy/examples/$1.toml" redteam --model "$2" --data "$3" --seeds "$SEEDS" \
        --count 1200 --out "target/redteam/$2"
    echo
}

attack signs signs signs:10
data=../shared/data
if [ ! -d "$data" ]; then
    echo "CIFAR-10 and GTSRB are missing: there is no ../shared" >&2
    exit
fi
sh tests/bench/profiles.sh
attack five_classifiers cifar10 "$data/cifar10"
attack five_classifiers gtsrb "$data/gtsrb"
