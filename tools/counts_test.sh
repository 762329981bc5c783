#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Shows compare_counts.awk what it must refuse, and what it must not.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf --one-file-system -- "$scratch"' EXIT
failures=0
shown=0

# expect accepted|refused WORDS KEPT MEASURED: WORDS appear in what is printed.
expect() {
    local output outcome=accepted
    printf '%b\n' "$3" >"$scratch/kept"
    printf '%b\n' "$4" >"$scratch/measured"
    output=$(awk -f "$here/compare_counts.awk" "$scratch/kept" "$scratch/measured") ||
        outcome=refused
    shown=$((shown + 1))
    if [ "$outcome" != "$1" ] || ! grep -qF -- "$2" <<<"$output"; then
        printf 'counts_test: expected "%s" and "%s", but it was %s:\n%s\n' "$1" "$2" "$outcome" \
            "$output"
        failures=$((failures + 1))
    fi
}

expect accepted 'none of 1 grew' '# a comment\nsend 100.0 0.00' 'send 100.0 0.00'
expect accepted '+5.0 %' 'send 100.0 0.00' 'send 105.0 0.00'
expect refused 'takes more instructions' 'send 100.0 0.00' 'send 105.1 0.00'
expect refused 'allocates more' 'send 100.0 1.00' 'send 100.0 1.01'
expect refused 'takes more instructions, and allocates more' 'send 100.0 1.00' 'send 120.0 2.00'
expect refused '1 of 2 refused' 'send 100.0 0.00\nask 9.0 0.00' 'send 200.0 0.00\nask 9.0 0.00'
expect accepted '1 became less' 'send 100.0 0.00' 'send 90.0 0.00'
expect accepted '1 became less' 'send 100.0 1.00' 'send 100.0 0.00'
expect refused 'has no kept count' 'send 100.0 0.00' 'send 100.0 0.00\nask 1.0 0.00'
expect refused 'is not measured any more' 'send 100.0 0.00\nask 1.0 0.00' 'send 100.0 0.00'
expect refused 'has no kept count' '# nothing' 'send 100.0 0.00'

[ "$failures" = 0 ] || exit 1
echo "counts_test: $shown comparisons as they should be"
