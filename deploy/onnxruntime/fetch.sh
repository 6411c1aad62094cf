#!/bin/sh
# Unpacks the pinned ONNX Runtime library into a folder: fetch.sh [--cpu | --gpu] [FOLDER], by default target/onnxruntime, or
# target/onnxruntime-gpu for the one with CUDA, beside which its own libraries and NVIDIA's come to lie (2.5 GB).
# PYTHON names the Python that has pip, by default python3.
set -eu

fail() {
    echo "fetch.sh: $*" >&2
    exit 1
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
python=${PYTHON:-python3}
variant=cpu
case ${1:-} in
--cpu | --gpu) variant=${1#--} && shift ;;
--*) fail "there is no variant $1: --cpu or --gpu" ;;
esac
case $variant in
cpu) requirements=$here/requirements.txt target=${1:-target/onnxruntime} ;;
gpu) requirements=$here/requirements-gpu.txt target=${1:-target/onnxruntime-gpu} ;;
esac
version=$(sed -n 's/^onnxruntime[a-z-]*==\([0-9.]*\).*/\1/p' "$requirements")

case "$variant-$(uname -s)-$(uname -m)" in
cpu-Linux-x86_64) platforms=manylinux_2_28_x86_64 library=libonnxruntime.so.$version link=libonnxruntime.so ;;
cpu-Linux-aarch64 | cpu-Linux-arm64) platforms=manylinux_2_28_aarch64 library=libonnxruntime.so.$version link=libonnxruntime.so ;;
cpu-Darwin-arm64) platforms=macosx_14_0_arm64 library=libonnxruntime.$version.dylib link=libonnxruntime.dylib ;;
gpu-Linux-x86_64)
    platforms="manylinux_2_28_x86_64 manylinux_2_27_x86_64 manylinux2014_x86_64"
    library=libonnxruntime.so.$version link=libonnxruntime.so
    ;;
*) fail "no wheel is pinned for the $variant of $(uname -s) on $(uname -m); set ORT_DYLIB_PATH to a library of version $version" ;;
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

echo "Fetching ONNX Runtime $version for $platforms"
# shellcheck disable=SC2046,SC2086 # Each platform is an argument.
"$python" -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary=:all: \
    --python-version 3.12 --implementation cp $(printf -- '--platform %s ' $platforms) \
    --dest "$work" --requirement "$requirements" ||
    fail "pip could not download ONNX Runtime $version, or its checksum is not the pinned one"

# zipfile rather than unzip, which is not everywhere.
"$python" - "$work" "$library" <<'PYTHON' || fail "the wheel does not hold $library"
import fnmatch, glob, os, shutil, sys, zipfile

work, library = sys.argv[1:]
WANTED = [
    f"onnxruntime/capi/{library}",
    "onnxruntime/capi/libonnxruntime_providers_cuda.so",
    "onnxruntime/capi/libonnxruntime_providers_shared.so",
    "nvidia/*/lib/*.so.*",
]
os.mkdir(f"{work}/libraries")
for wheel in glob.glob(f"{work}/*.whl"):
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            if any(fnmatch.fnmatchcase(member, wanted) for wanted in WANTED):
                unpacked = f"{work}/libraries/{os.path.basename(member)}"
                with archive.open(member) as source, open(unpacked, "wb") as destination:
                    shutil.copyfileobj(source, destination)
                os.chmod(unpacked, 0o755)
    os.remove(wheel)
os.rename(f"{work}/libraries/{library}", f"{work}/{library}")
PYTHON

# The name appears once all is whole; the links follow, so that a cut run is repeated.
if [ "$variant" = gpu ]; then
    mv -f "$work"/libraries/* "$target"
fi
mv -f "$work/$library" "$target/$library"
case $library in
*.so.*)
    ln -sf "$library" "$target/libonnxruntime.so.${version%%.*}"
    ;;
esac
ln -sf "$library" "$target/$link"
echo "ONNX Runtime $version is in $target"
