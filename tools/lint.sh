#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# lint.sh [FOLDER]: the rules of the house that need no compiler. Each refusal names the place, the
# rule and what to do instead. tools/lint_test.sh shows each of them a bad snippet.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/..}"
source "$here/builds.sh"

refusals=0

# Reads refusals, prints and counts them.
refuse() {
    local line
    while IFS= read -r line; do
        echo "$line"
        refusals=$((refusals + 1))
    done
}

sources() { tracked_files '*.hpp' '*.cpp'; }
headers() { sources | grep -E '^[a-z]+/covey/.*\.hpp$' || true; }
in_rooms() { sources | grep -E '^(runtime|channels|actors|io|cluster)/(covey|src)/' || true; }

# for_each_line AWK_PROGRAM: over the files whose names come in.
for_each_line() { xargs -r -d '\n' awk "$@"; }

lint_licence() {
    { sources; tracked_files '*.cmake' '*.cmake.in' '*CMakeLists.txt' '*.sh' '*.awk' '*.py' '*.go' '*.rs' '*.erl' '*.toml' dev .ci/run; } | sort -u |
        for_each_line '
            FNR == 1 { told = 0; shebang = /^#!/; if (shebang) next }
            FNR == 1 + shebang && !/SPDX-License-Identifier: BSL-1\.0$/ && !told++ {
                print FILENAME ":" FNR ": does not open with its licence. Make this line" \
                    " \"SPDX-License-Identifier: BSL-1.0\", as a comment."
            }'
}

lint_direction() {
    in_rooms | for_each_line -v headers="$(headers)" -f "$here/lint_direction.awk"
}

lint_public_only() {
    sources | grep -E '^(examples|tests/(stories|consumer))/' | for_each_line '
        /^#[ ]*include[ ]*<covey\/detail\// {
            print FILENAME ":" FNR ": uses a header of covey/detail/, which users must not." \
                " Include the public header that needs it."
        }'
}

seam='runtime/covey/lowlevel/(atomic|thread)\.hpp'
lint_threads() {
    in_rooms | grep -vxE "$seam" | for_each_line '
        match($0, /^#[ ]*include[ ]*<(atomic|mutex|shared_mutex|thread|condition_variable|semaphore|latch|barrier|future|stop_token)>/) {
            print FILENAME ":" FNR ": atomics, locks and threads come through one seam." \
                " Include <covey/lowlevel/atomic.hpp> or, in src/, <covey/lowlevel/thread.hpp>."
        }'
}

# <covey/caf.hpp>, and what it is made of, is for those who have CAF.
lint_heavy_headers() {
    headers | grep -vxE 'cluster/covey/(detail/)?caf(_face)?\.hpp' | for_each_line '
        function tell(instead) { print FILENAME ":" FNR ": " $0 " in a public header. " instead }
        /^#[ ]*include[ ]*<(iostream|regex)>/ { tell("Move what needs it to src/.") }
        /^#[ ]*include[ ]*<functional>/ { tell("Erase types with a small record of function pointers.") }
        /^#[ ]*include[ ]*<(fmt|boost|asio|caf)\// { tell("Users need not have that library: move what needs it to src/.") }'
}

# covey/x.hpp and covey/lowlevel/x.hpp have tests/<room>/x_test.cpp.
lint_stems() {
    local header room stem tests untested="$here/headers_without_test.txt"
    tests=$(sources | grep '_test\.cpp$' || true)
    while read -r header; do
        room=${header%%/*} stem=$(basename "$header" .hpp)
        if grep -qE "^tests/$room/${stem}(_[a-z_]+)?_test\.cpp$" <<<"$tests"; then
            ! is_listed "$header" "$untested" ||
                echo "tools/headers_without_test.txt: $header has a test now. Remove its line."
        elif ! is_listed "$header" "$untested"; then
            echo "$header:1: has no test of its name. Write tests/$room/${stem}_test.cpp; if another" \
                "file tests it, say which in tools/headers_without_test.txt."
        fi
    done < <(headers | grep -v '/covey/detail/')
}

is_listed() { grep -qE "^$1 " "$2" 2>/dev/null; }

# A statement that Catch2 3.x looks at twice: with g++ the await in it happens twice, too.
lint_awaits() {
    sources | grep '^tests/' | for_each_line '
        /(CHECK|REQUIRE)(_FALSE|_THAT)?\(/ {
            code = $0
            gsub(/"[^"]*"/, "", code)
            if (code ~ /(CHECK|REQUIRE)[A-Z_]*\(.*co_await/ && code !~ /_THROWS/)
                print FILENAME ":" FNR ": awaits inside of a check, which g++ does twice." \
                    " Await first, check the result."
        }'
}

# CTest makes a list of the names, and CMake cuts lists at semicolons.
lint_test_names() {
    sources | grep '^tests/' | for_each_line '
        /TEST_CASE\("[^"]*;/ {
            print FILENAME ":" FNR ": a semicolon in the name of a test, where CTest cuts it in two." \
                " Write a comma or two tests."
        }'
}

lint_size() {
    sources | for_each_line '
        function finish() {
            if (lines > 800) print file ":801: has " lines " lines, and 800 is the most." \
                " Split it by concept: one stem each."
        }
        FNR == 1 { finish(); file = FILENAME }
        { lines = FNR }
        END { finish() }'
}

warn_size() {
    sources | for_each_line '
        function finish() {
            limit = file ~ /\.hpp$/ ? 400 : 600
            if (lines > limit && lines <= 800) print "warning: " file " has " lines " lines; " \
                limit " is what fits a head. Is it one concept?"
        }
        FNR == 1 { finish(); file = FILENAME }
        { lines = FNR }
        END { finish() }'
}

lint_paths() {
    tracked_files '*' | xargs -r -d '\n' grep -nIE '/(work|farm|root|home)/[a-z]' /dev/null |
        grep -v '^tools/lint' | sed -E 's/^([^:]*:[0-9]+):.*/\1: names a folder of one machine. Write the path relative to the checkout, or ask the program at run time./' || true
}

lint_snippets() {
    { sources | grep -E '^(examples|tests/compile_fail)/' || true; tracked_files '*.expected'; tracked_files '*.md'; } |
        for_each_line -f "$here/lint_snippets.awk"
}

lint_format() {
    sources | xargs -r -d '\n' clang-format-19 --style="file:$here/../.clang-format" --dry-run \
        -Werror 2>&1 | grep -E ': error: ' | sed 's/error: .*/not in the format of the house. Run .\/dev format./' |
        sort -u -t: -k1,1 || true
}

main() {
    local name
    for name in licence direction public_only threads heavy_headers stems awaits test_names size paths snippets format; do
        refuse < <("lint_$name")
    done
    warn_size
    if [ "$refusals" -gt 0 ]; then
        echo "lint: $refusals refused"
        return 1
    fi
    echo "lint: nothing refused in $(sources | wc -l) source files"
}

main
