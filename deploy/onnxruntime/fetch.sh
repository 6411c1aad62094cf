#!/bin/sh
# Unpacks the pinned ONNX Runtime library into a folder, by default target/onnxruntime.
# PYTHON names the Python that has pip, by default python3.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
target=${1:-target/onnxruntime}
python=${PYTHON:-python3}
requirements=$here/requirements.txt
version=$(sed -n 's/^onnxruntime==\([0-9.]*\).*/\1/p' "$requirements")

fail() {
    echo "fetch.sh: $*" >&2
    exit 1
}

case "$(uname -s)-$(uname -m)" in
Linux-x86_64) platform=manylinux_2_28_x86_64 library=libonnxruntime.so.$version link=libonnxruntime.so ;;
Linux-aarch64 | Linux-arm64) platform=manylinux_2_28_aarch64 library=libonnxruntime.so.$version link=libonnxruntime.so ;;
Darwin-arm64) platform=macosx_14_0_arm64 library=libonnxruntime.$version.dylib link=libonnxruntime.dylib ;;
*) fail "no wheel is pinned for $(uname -s) on $(uname -m); set ORT_DYLIB_PATH to a library of version $version" ;;
esac

if [ -s "$target/$library" ] && [ "$(readlink "$target/$link" || true)" = "$library" ]; then
    echo "ONNX Runtime $version is already in $target"
    exit 0
fi

"$python" -m pip --version >/dev/null 2>&1 || fail "'$python' has no pip; name another Python with PYTHON="

mkdir -p "$target"
work=$(mktemp -d "$target/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

echo "Fetching ONNX Runtime $version for $platform"
"$python" -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary=:all: \
    --python-version 3.12 --implementation cp --platform "$platform" \
    --dest "$work" --requirement "$requirements" ||
    fail "pip could not download ONNX Runtime $version, or its checksum is not the pinned one"

# zipfile rather than unzip, which is not everywhere.
"$python" - "$work" "onnxruntime/capi/$library" <<'PYTHON' || fail "the wheel does not hold $library"
import glob, shutil, sys, zipfile

work, member = sys.argv[1:]
(wheel,) = glob.glob(f"{work}/*.whl")
with zipfile.ZipFile(wheel).open(member) as packed, open(f"{work}/library", "wb") as unpacked:
    shutil.copyfileobj(packed, unpacked)
PYTHON

chmod 755 "$work/library"
# The name appears once the library is whole; the links follow, so that a cut run is repeated.
mv -f "$work/library" "$target/$library"
case $library in
*.so.*)
    ln -sf "$library" "$target/libonnxruntime.so.${version%%.*}"
    ;;
esac
ln -sf "$library" "$target/$link"
echo "ONNX Runtime $version is in $target"
