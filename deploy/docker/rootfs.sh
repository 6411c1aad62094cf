#!/bin/sh
# Lays out the whole file system of the image: the program, ONNX Runtime with what lies beside it for GPUs, and the libraries
# that all of them load.
set -eu

if [ $# -ne 3 ]; then
    echo "usage: rootfs.sh PROGRAM ONNXRUNTIME ROOT" >&2
    exit 2
fi
program=$1 onnxruntime=$2 root=$3

mkdir -p "$root/usr/local/bin" "$root/usr/local/lib" "$root/etc/portcullis"
mkdir -p -m 1777 "$root/tmp"
cp -L "$program" "$root/usr/local/bin/portcullis"
cp -L "$onnxruntime" "$root/usr/local/lib/libonnxruntime.so"

set -- "$program" "$onnxruntime"
beside=$(CDPATH='' cd -- "$(dirname -- "$onnxruntime")" && pwd -P)
for library in "$beside"/libonnxruntime_providers_*.so "$beside"/libcu*.so.* "$beside"/libnv*.so.*; do
    [ -e "$library" ] || continue
    cp -L "$library" "$root/usr/local/lib/"
    set -- "$@" "$library"
done

# Where the loader finds them: at the same paths as here. The driver's libcuda is the host's, and comes with the GPU.
LD_LIBRARY_PATH=$beside ldd "$@" |
    awk -v beside="$beside/" '$2 == "=>" && $3 ~ /^\// && index($3, beside) != 1 { print $3 } $1 ~ /^\/.*ld-linux/ { print $1 }' |
    sort -u |
    while read -r library; do
        mkdir -p "$root${library%/*}"
        cp -L "$library" "$root$library"
    done

echo "portcullis:x:65532:65532:portcullis:/nonexistent:/nonexistent" >"$root/etc/passwd"
echo "portcullis:x:65532:" >"$root/etc/group"
