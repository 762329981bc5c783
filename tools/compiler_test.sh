#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# A compiler that miscompiles coroutines is refused, at configure time and by <covey/config.hpp>,
# with a message that says why and what to install. Needs an old g++; elsewhere there is nothing to
# show.
set -euo pipefail
cd "$(dirname "$0")/.."
compiler=${1:-g++}

# says OUTPUT WORDS: the words appear, however the lines are broken.
says() {
    tr -s ' \n' ' ' <<<"$1" | grep -qF -- "$2" || {
        printf 'compiler_test: the refusal of %s does not say "%s". It says:\n%s\n' \
            "$compiler" "$2" "$1"
        exit 1
    }
}

if [ "$("$compiler" -dumpversion | cut -d. -f1)" -ge 14 ]; then
    echo "compiler_test: this $compiler is new enough, nothing to refuse"
    exit 0
fi

rm -rf --one-file-system build/refused
if output=$(cmake -S . -B build/refused -G Ninja -DCMAKE_CXX_COMPILER="$compiler" 2>&1); then
    echo "compiler_test: configuring with $compiler succeeds, though it miscompiles coroutines"
    exit 1
fi
says "$output" 'it miscompiles coroutines'
says "$output" 'apt-get install clang-19'

if output=$(echo '#include <covey/config.hpp>' |
    "$compiler" -std=c++20 -fsyntax-only -Iruntime -x c++ - 2>&1); then
    echo "compiler_test: <covey/config.hpp> accepts $compiler"
    exit 1
fi
says "$output" 'silently miscompile coroutines'
says "$output" 'apt-get install clang-19'
echo "compiler_test: $compiler is refused, and told why"
