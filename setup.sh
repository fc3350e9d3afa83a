#!/bin/sh
# From a fresh Debian 12 to a running yolotune, as root or with sudo:
#
#   ./setup.sh run [ARG]...       install packages, build, run yolotune ARG...
#                                 (by default the main job on YOLOv5n)
#   ./setup.sh video              install packages, those for videos and cameras
#                                 too, and build
#   ./setup.sh test [ARG]...      install packages, build, run ctest ARG...
#   ./setup.sh packages [NAME]... install packages, and those named
#
# What is installed already is left alone, so a second run needs no network.
# The build lies in build/ beside this file, or in $YOLOTUNE_BUILD.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
build=${YOLOTUNE_BUILD:-$here/build}

# Tools, LLVM 19, and the libraries of cmake/dependencies.cmake. libc6-dev is only
# a recommendation of gcc's.
packages='
    cmake ninja-build gcc libc6-dev binutils pkg-config
    llvm-19-dev
    libcpuid-dev libsqlite3-dev libcmocka-dev libzip-dev
    libprotobuf-c-dev protobuf-c-compiler libjpeg62-turbo-dev libpng-dev
    libwebp-dev libtiff-dev libgif-dev
    libjansson-dev libxxhash-dev libyaml-dev libdnnl-dev'

# FFmpeg's headers and libraries, about a hundred packages with what they need:
# without them all but videos and cameras is there.
video_packages='
    libavformat-dev libavcodec-dev libswscale-dev libavutil-dev libavdevice-dev'

# What the tests call besides.
test_packages="sqlite3 python3 g++ qemu-user dpkg-dev file $video_packages"

say()
{
    printf 'setup.sh: %s\n' "$*" >&2
}

as_root()
{
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "packages are missing, and this is neither root nor is there sudo"
        exit 1
    fi
}

is_installed()
{
    # shellcheck disable=SC2016 # dpkg-query's own ${}
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

install_packages()
{
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        # shellcheck disable=SC2086 # a list
        say "this system has no apt-get; install the equivalents of:" $packages "$@"
        exit 1
    fi
    missing=
    for package in $packages "$@"; do
        is_installed "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    say "installing$missing"
    as_root apt-get update -q
    # shellcheck disable=SC2086 # a list
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qy --no-install-recommends $missing
}

build() # cmake --build options...
{
    # A folder that another generator began is kept.
    if [ -f "$build/CMakeCache.txt" ]; then
        cmake -S "$here" -B "$build" >&2
    else
        cmake -S "$here" -B "$build" -G Ninja >&2
    fi
    cmake --build "$build" "$@" >&2
}

command=${1:-help}
[ $# -eq 0 ] || shift
case $command in
run)
    install_packages
    build --target yolotune
    [ $# -gt 0 ] || set -- --scenario realtime
    exec "$build/yolotune" "$@"
    ;;
video)
    # shellcheck disable=SC2086 # a list
    install_packages $video_packages
    build --target yolotune
    ;;
test)
    # shellcheck disable=SC2086 # a list
    install_packages $test_packages
    build
    cd "$build"
    exec ctest --output-on-failure -j2 "$@"
    ;;
packages)
    # shellcheck disable=SC2086 # a list
    install_packages $test_packages "$@"
    ;;
help | -h | --help)
    sed -n 's/^# \{0,1\}//; 2,/^set -eu/ { /^set -eu/q; p; }' "$0"
    ;;
*)
    say "$command: not run, video, test or packages"
    exit 2
    ;;
esac
