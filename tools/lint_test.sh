#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# Shows lint.sh one bad snippet per rule, each in a small tree of its own, and a tree without fault.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf --one-file-system -- "$scratch"' EXIT
shown=0
failures=0

spdx='// SPDX-License-Identifier: BSL-1.0'

# put FILE TEXT: into the tree of this case, with the licence line.
put() {
    mkdir -p "$scratch/tree/$(dirname "$1")"
    printf '%s\n%b' "$spdx" "$2" >"$scratch/tree/$1"
}

fresh_tree() {
    rm -rf --one-file-system -- "$scratch/tree"
    mkdir -p "$scratch/tree"
    put runtime/covey/event.hpp '#pragma once\n'
    put runtime/covey/detail/frame.hpp '#pragma once\n'
    put tests/runtime/event_test.cpp '#include <covey/event.hpp>\n'
}

# refuses WHAT SENTENCE: the tree as it stands must be refused, with that sentence.
refuses() {
    local output
    shown=$((shown + 1))
    if output=$(bash "$here/lint.sh" "$scratch/tree" 2>&1); then
        echo "lint accepts $1"
        failures=$((failures + 1))
    elif ! grep -qF -- "$2" <<<"$output"; then
        echo "lint refuses $1, but does not say \"$2\". It says:"
        echo "$output"
        failures=$((failures + 1))
    fi
    fresh_tree
}

accepts() {
    local output
    shown=$((shown + 1))
    output=$(bash "$here/lint.sh" "$scratch/tree" 2>&1) || {
        echo "lint refuses $1:"
        echo "$output"
        failures=$((failures + 1))
    }
    fresh_tree
}

fresh_tree
accepts 'a tree without fault'

put channels/src/channel_core.cpp '#include <covey/event.hpp>\n'
put runtime/src/event.cpp '#include <covey/detail/frame.hpp>\n'
put runtime/covey/lowlevel/atomic.hpp '#pragma once\n\n#include <atomic>\n'
put tests/runtime/atomic_test.cpp '#include <covey/lowlevel/atomic.hpp>\n'
accepts 'includes that look down, and atomics behind the seam'

printf 'int x;\n' >"$scratch/tree/runtime/src.cpp"
refuses 'a source file without its licence' 'does not open with its licence'

printf 'add_library(x)\n' >"$scratch/tree/runtime/CMakeLists.txt"
refuses 'a CMake file without its licence' 'does not open with its licence'

put channels/covey/detail/ring.hpp '#pragma once\n'
put runtime/src/event.cpp '#include <covey/detail/ring.hpp>\n'
refuses 'a room that includes a room above it' 'of channels, which stands above it'

put channels/src/channel_core.cpp '#include <covey/detail/frame.hpp>\n'
refuses "a room in another room's detail" 'reaches into covey/detail/ of runtime'

put runtime/covey/detail/child.hpp '#pragma once\n\n#include "../src/frame.hpp"\n'
refuses 'a public header that includes src/' 'which is not shipped'

put channels/src/channel_core.cpp '#include "../../runtime/src/worker.hpp"\n'
refuses "a source that climbs into another room's src/" 'climbs out of its folder'

put runtime/src/event.cpp '#include <covey/evnet.hpp>\n'
refuses 'an include of a header that nobody has' 'no room has <covey/evnet.hpp>'

put examples/hello.cpp '#include <covey/detail/frame.hpp>\n'
refuses 'an example that uses covey/detail/' 'which users must not'

for header in atomic mutex thread condition_variable; do
    put runtime/src/event.cpp "#include <$header>\n"
    refuses "<$header> outside of the seam" 'come through one seam'
done

for header in iostream regex functional fmt/format.h; do
    put runtime/covey/detail/frame.hpp "#pragma once\n\n#include <$header>\n"
    refuses "<$header> in a public header" 'in a public header'
done

put runtime/covey/barrier.hpp '#pragma once\n'
refuses 'a public header without a test' 'Write tests/runtime/barrier_test.cpp'

put runtime/src/event.cpp "$(printf '%.0s//\\n' {1..801})"
refuses 'a file above 800 lines' 'and 800 is the most'

put runtime/src/event.cpp '// See /'"work/somewhere.\n"
refuses 'a path of one machine' 'a folder of one machine'

put examples/hello.cpp 'int a = 1;\nint b = 2;\nint c = 3;\n'
printf '```cpp\nint a = 1;\n...\nint c = 3;\n```\n' >"$scratch/tree/a.md"
accepts 'a page that shows lines of an example, and leaves some out'

put examples/hello.cpp 'int hello() { return 1; }\n'
printf '```cpp\nint hello() { return 2; }\n```\n' >"$scratch/tree/a.md"
refuses 'a page that shows what no example has' 'shows lines that stand in no examples/*.cpp'

printf '1\n' >"$scratch/tree/hello.expected"
printf '```output\n2\n```\n' >"$scratch/tree/a.md"
refuses 'a page that shows what no example prints' 'shows lines that stand in no examples/*.expected'

put tests/runtime/event_test.cpp 'void f() { CHECK(co_await g() == 1); }\n'
refuses 'an await inside of a check' 'Await first, check the result'

put tests/runtime/event_test.cpp 'TEST_CASE("sets; resets") {}\n'
refuses 'a test whose name CTest would cut' 'a semicolon in the name of a test'

put runtime/src/event.cpp 'int  x;\n'
refuses 'a file out of format' 'Run ./dev format'

echo "lint_test: $((shown - failures)) of $shown cases as they should be"
[ "$failures" = 0 ]
