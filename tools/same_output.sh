#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# same_output.sh EXPECTED COMMAND...: passes when the command succeeds and prints exactly the file
# EXPECTED to standard output.
set -uo pipefail
expected=$1
shift
output=$("$@")
status=$?
if [ "$status" != 0 ]; then
    printf '%s\nended with code %d\n' "$output" "$status"
    exit 1
fi
diff -u --label expected --label printed "$expected" - <<<"$output"
