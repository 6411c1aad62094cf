#!/bin/sh
# Counts instructions of squeezers and requests, and compares them with tests/bench/instructions.json: see
# instructions.py. RECORD=1 writes them down.
set -eu
cd "$(dirname "$0")/../.."
cargo=${CARGO:-cargo}
if ! command -v valgrind >/dev/null; then
    echo "valgrind is missing: Debian has it as valgrind" >&2
    exit 1
fi
$cargo build --quiet --release --locked --no-default-features
PORTCULLIS=$(realpath "${CARGO_TARGET_DIR:-target}/release/portcullis")
$cargo bench --quiet --locked --no-default-features --bench instructions --no-run
SQUEEZE=$($cargo bench --locked --no-default-features --bench instructions --no-run 2>&1 | sed -n 's/.*Executable.*(\(.*\))$/\1/p')
SQUEEZE=$(realpath "$SQUEEZE")
export PORTCULLIS SQUEEZE
exec "${PYTHON:-python3}" tests/bench/instructions.py
