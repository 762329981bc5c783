#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# refused.sh FILE COMPILER FLAGS...: passes when the compiler refuses FILE and its output matches
# every `// expect: <extended regular expression>` of the file, and when the same file compiles with
# -DCOVEY_CONTROL, which takes the mistake out: the mistake is then what was refused, nothing else.
set -euo pipefail
file=$1
shift
compile=("$@" -fsyntax-only)

fail() {
    printf '%s: %s\n%s\n' "$(basename "$file")" "$1" "$2"
    exit 1
}

mapfile -t expected < <(sed -n 's|^ *// expect: *||p' "$file")
[ ${#expected[@]} -gt 0 ] || fail 'has no line "// expect: <regular expression>"' ''
grep -q COVEY_CONTROL "$file" || fail 'has no control: put the mistake in #ifndef COVEY_CONTROL' ''

if output=$("${compile[@]}" "$file" 2>&1); then
    fail 'compiles, though it must not' ''
fi
for pattern in "${expected[@]}"; do
    grep -qE -- "$pattern" <<<"$output" || fail "is refused, but not with /$pattern/:" "$output"
done
if ! output=$("${compile[@]}" -Werror -DCOVEY_CONTROL "$file" 2>&1); then
    fail 'does not compile without the mistake either:' "$output"
fi
