#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# counts.sh [--update]: how many instructions and allocations an operation takes, on one worker, in
# the release build. They don't depend on what else the machine does, so a small growth can be
# refused: compares with what is kept in bench/counts.txt. --update keeps what was measured now.
#
# Each operation is done twice, a few times and many times: the difference is what the operations
# took, without start and end. The counts of other compilers and libraries are other counts; then,
# and without valgrind, the comparison is skipped, with the reason in build/results/counts.skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/builds.sh

kept=bench/counts.txt
program=build/counts/bench/covey_counts
few=2000
many=22000

skip() {
    echo "counts: skipped: $1"
    echo "$1" >build/results/counts.skipped
    exit 0
}

# What the counts depend on besides covey.
surroundings() {
    local compiler
    compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' build/counts/CMakeCache.txt)
    echo "$(basename "$compiler") $("$compiler" -dumpversion), $(getconf GNU_LIBC_VERSION)," \
        "$(uname -m)"
}

kept_surroundings() { sed -n 's/^# Measured with //p' "$kept" 2>/dev/null || true; }

# "INSTRUCTIONS ALLOCATIONS" of a whole run.
count() {
    local log=build/results/counts.log
    valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null \
        "$program" "$1" "$2" >"$log" 2>&1 || {
        cat "$log" >&2
        return 1
    }
    awk '/^allocations / { allocations = $2 }
        / I +refs: / { gsub(/,/, ""); instructions = $NF }
        END {
            if (instructions == "" || allocations == "") exit 1
            print instructions, allocations
        }' "$log" || {
        echo "counts: neither instructions nor allocations in $log" >&2
        return 1
    }
}

measure() {
    local name before after
    for name in $("$program" --list); do
        before=$(count "$name" "$few")
        after=$(count "$name" "$many")
        echo "$name $before $after" | awk -v operations=$((many - few)) '
            { printf "%s %.1f %.2f\n", $1, ($4 - $2) / operations, ($5 - $3) / operations }'
    done
}

write_kept() {
    {
        echo "# OPERATION INSTRUCTIONS ALLOCATIONS, per operation on one worker: bench/counts.cpp"
        echo "# Checked and written by tools/counts.sh."
        echo "# Measured with $(surroundings)"
        cat build/results/counts.measured
    } >"$kept"
    echo "counts: kept in $kept"
}

compare() {
    awk -v junit=build/results/counts.xml "$@" -f tools/compare_counts.awk "$kept" \
        build/results/counts.measured
}

main() {
    local update=false
    case "${1-}" in
        '') ;;
        --update) update=true ;;
        *)
            echo "usage: tools/counts.sh [--update]" >&2
            exit 2
            ;;
    esac
    mkdir -p build/results
    rm -f build/results/counts.{skipped,xml,measured}
    command -v valgrind >/dev/null || skip "there is no valgrind here"
    quietly configure_counts cmake --preset release -B build/counts -DCOVEY_BENCH=ON \
        -DCOVEY_EXAMPLES=OFF
    if ! $update && [ "$(kept_surroundings)" != "$(surroundings)" ]; then
        skip "kept with $(kept_surroundings); here is $(surroundings)"
    fi
    quietly compile_counts cmake --build build/counts -j "$jobs" --target covey_counts
    measure >build/results/counts.measured
    touch "$kept"
    if $update; then
        compare -v update=1
        write_kept
    else
        compare
    fi
}

main "$@"
