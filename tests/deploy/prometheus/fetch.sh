#!/bin/sh
# Unpacks Debian's Prometheus (prometheus, promtool) into a folder, by default target/prometheus, without installing it.
# Where there is no apt the tests that need it use those of the PATH, or skip with a word.
set -eu

target=${1:-target/prometheus}
# The release that rules and tests were written with; Debian's own revisions of it are security updates.
package='prometheus=2.42.*'

if [ -x "$target/promtool" ]; then
    echo "Prometheus is already in $target"
    exit 0
fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "No apt here: install Prometheus 2.42 or newer yourself, or go without the tests of its rules"
    exit 0
fi

mkdir -p "$target"
work=$(mktemp -d "$target/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

download() {
    (cd "$work" && apt-get --quiet=2 --option APT::Sandbox::User=root download "$package")
}

echo "Fetching Prometheus"
# Without lists of packages, as on a new machine, the first attempt fails.
download 2>/dev/null || { apt-get --quiet=2 update && download; } || {
    echo "apt has no $package here: the tests of its rules will skip, unless Prometheus is in the PATH"
    exit 0
}
dpkg-deb --extract "$work"/prometheus_*.deb "$work/unpacked"
mv -f "$work/unpacked/usr/bin/prometheus" "$target/prometheus"
mv -f "$work/unpacked/usr/bin/promtool" "$target/promtool"
echo "Prometheus is in $target"
