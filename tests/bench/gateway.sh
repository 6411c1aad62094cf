#!/bin/sh
# Prints what the gateway costs: see tests/bench/gateway. Everything is built for release.
set -eu
cd "$(dirname "$0")/../.."
cargo=${CARGO:-cargo}
$cargo build --quiet --release --locked
PORTCULLIS=target/release/portcullis sh tests/bench/profiles.sh
$cargo bench --quiet --locked --bench gateway
