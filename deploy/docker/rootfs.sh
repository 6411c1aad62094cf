#!/bin/sh
# Lays out the whole file system of the image: the program, ONNX Runtime, and the libraries that both load.
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

# Where the loader finds them: at the same paths as here.
ldd "$program" "$onnxruntime" | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\/.*ld-linux/ { print $1 }' | sort -u |
    while read -r library; do
        mkdir -p "$root${library%/*}"
        cp -L "$library" "$root$library"
    done

echo "portcullis:x:65532:65532:portcullis:/nonexistent:/nonexistent" >"$root/etc/passwd"
echo "portcullis:x:65532:" >"$root/etc/group"
