#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# consume.sh BUILD COMPILER: installs the build into a folder of its own, looks at what was shipped,
# then configures, builds and runs this project against it.
set -euo pipefail
source=$(cd "$(dirname "$0")" && pwd)
build=$1 compiler=$2
prefix=$build/consumer/prefix
rm -rf --one-file-system "$build/consumer"
mkdir -p "$build/consumer"

cmake --install "$build" --prefix "$prefix" >"$build/consumer/install.log"

shipped=$(cd "$prefix" && find . -type f)
if grep -E '/src/|\.cpp$' <<<"$shipped"; then
    echo 'The install ships sources: a room ships its covey/ folder only.'
    exit 1
fi

cmake -S "$source" -B "$build/consumer/build" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_PREFIX_PATH="$prefix"
cmake --build "$build/consumer/build"
"$build/consumer/build/consumer"
"$build/consumer/build/runtime_consumer"
