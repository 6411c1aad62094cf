#!/bin/sh
# Measures the lean gateway beside nginx, haproxy, the predictions alone and a guard in Python, and writes the table of
# docs/performance.md: see tests/bench/beside. ROUNDS and SECONDS say how long; words after `bench.sh`, which parts.
set -eu
cd "$(dirname "$0")/../.."
cargo=${CARGO:-cargo}
if [ ! -d ../shared ]; then
    echo "skipped: ../shared is missing"
    exit
fi
for proxy in nginx haproxy; do
    PATH=$PATH:/usr/sbin command -v $proxy >/dev/null && continue
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends $proxy >/dev/null ||
            echo "skipped: apt has no $proxy" >&2
    else
        echo "skipped: $proxy is not installed, and only root can install it, where there is apt" >&2
    fi
done
$cargo build --quiet --release --locked --no-default-features
PORTCULLIS=$(realpath "${CARGO_TARGET_DIR:-target}/release/portcullis")
export PORTCULLIS
sh tests/bench/profiles.sh
UPSTREAM=$($cargo bench --locked --no-default-features --bench gateway --no-run 2>&1 | sed -n 's/.*Executable.*(\(.*\))$/\1/p')
UPSTREAM=$(realpath "$UPSTREAM")
export UPSTREAM
target/venv/bin/python tests/bench/beside/main.py "$@"
