#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Shows mutants.sh mutants that it must count as found, and what it must refuse, in a small project.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf --one-file-system -- "$scratch"' EXIT
tree=$scratch/tree
shown=0
failures=0
export COVEY_MUTANT_SECONDS=2

mkdir -p "$tree/src" "$tree/tools/mutants"
cat >"$tree/CMakePresets.json" <<'TEXT'
{
    "version": 5,
    "configurePresets": [{
        "name": "dev", "generator": "Ninja", "binaryDir": "${sourceDir}/build/dev",
        "cacheVariables": { "CMAKE_CXX_COMPILER": "clang++-19" }
    }],
    "buildPresets": [{ "name": "dev", "configurePreset": "dev" }]
}
TEXT
cat >"$tree/CMakeLists.txt" <<'TEXT'
cmake_minimum_required(VERSION 3.24)
project(sums LANGUAGES CXX)
add_library(sums STATIC src/sum.cpp src/unused.cpp)
add_executable(sum_test sum_test.cpp)
target_link_libraries(sum_test PRIVATE sums)
TEXT
cat >"$tree/src/sum.hpp" <<'TEXT'
#pragma once
inline int twice(int a) { return 2 * a; }
int sum(int a, int b);
TEXT
cat >"$tree/src/sum.cpp" <<'TEXT'
#include "sum.hpp"

int sum(int a, int b) {
    // Of both.
    return a + b;
}
TEXT
echo 'int unused() { return 1; }' >"$tree/src/unused.cpp"
cat >"$tree/sum_test.cpp" <<'TEXT'
#include "src/sum.hpp"
#include <cstdio>
#include <cstring>

static int fail(const char* what) {
    std::puts(what);
    return 1;
}

int main(int count, char** arguments) {
    if (count > 1 && std::strcmp(arguments[1], "always fails") == 0) return fail("always");
    if (sum(1, 2) != 3) return fail("the sum is wrong");
    return twice(4) == 8 ? 0 : fail("twice is wrong");
}
TEXT
unchanged=$(cat "$tree"/*.* "$tree"/src/* | cksum)

# mutant RUN SHOWS FILE OLD NEW: one line of a file becomes another.
mutant() {
    local number
    rm -f "$tree"/tools/mutants/*
    number=$(grep -snF -m 1 -- "$4" "$tree/$3" | cut -d: -f1) || number=1
    printf 'A fault.\n\nRun: %s\nShows: %s\n\n--- a/%s\n+++ b/%s\n@@ -%d +%d @@\n-%s\n+%s\n' \
        "$1" "$2" "$3" "$3" "$number" "$number" "$4" "$5" >"$tree/tools/mutants/fault.patch"
}

# expect accepted|refused WORDS [ARGUMENT...]: WORDS appear in what is printed.
expect() {
    local output outcome=accepted
    output=$(bash "$here/mutants.sh" --in "$tree" "${@:3}" 2>&1) || outcome=refused
    shown=$((shown + 1))
    if [ "$outcome" != "$1" ] || ! grep -qF -- "$2" <<<"$output"; then
        printf 'mutants_test: expected "%s" and "%s", but it was %s:\n%s\n' "$1" "$2" "$outcome" \
            "$output"
        failures=$((failures + 1))
    fi
}

plus='    return a + b;'
mutant sum_test 'sum is wrong' src/sum.cpp "$plus" '    return a - b;'
expect accepted '1 tried, 0 refused'
expect accepted '1 tried, 0 refused' fault
expect refused 'there is no tools/mutants/default.patch' default
mutant sum_test 'sum is wrong' src/sum.cpp '    // Of both.' '    // Of two.'
expect refused 'SURVIVES: sum_test'
mutant sum_test 'twice is wrong' src/sum.hpp 'inline int twice(int a) { return 2 * a; }' \
    'inline int twice(int a) { return 3 * a; }'
expect accepted '1 tried, 0 refused'
mutant sum_test 'sum is wrong' src/unused.cpp 'int unused() { return 1; }' 'int unused() { return 2; }'
expect refused 'nothing of sum_test is made of: src/unused.cpp'
mutant sum_test 'sum is wrong' src/sum.cpp '    return b + a;' '    return b - a;'
expect refused 'no longer applies: think it through again'
mutant sum_test 'sum is wrong' src/gone.cpp '    return b + a;' '    return b - a;'
expect refused 'no longer applies: think it through again'
mutant sum_test 'sum is wrong' src/sum.cpp "$plus" '    return a + c;'
expect refused "can't be compiled"
mutant sum_test 'out of memory' src/sum.cpp "$plus" '    return a - b;'
expect refused 'fails without saying "out of memory"'
mutant sum_test 'sum is wrong' src/sum.cpp "$plus" '    for (static volatile int i = 0;; i = i + a + b) {}'
expect refused "isn't found within 2 s"
mutant 'sum_test "always fails"' 'sum is wrong' src/sum.cpp "$plus" '    return a - b;'
expect refused 'this fails without any mutant: sum_test "always fails"'
mutant sum_test '' src/sum.cpp "$plus" '    return a - b;'
expect refused 'has no "Run:", or no "Shows:"'

if [ "$(cat "$tree"/*.* "$tree"/src/* | cksum)" != "$unchanged" ]; then
    echo 'mutants_test: the project is not as it was'
    failures=$((failures + 1))
fi
[ "$failures" = 0 ] || exit 1
echo "mutants_test: $shown mutants as they should be"
