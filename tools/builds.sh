# SPDX-License-Identifier: BSL-1.0
# Configuring, compiling and testing one preset. Extra arguments reach cmake and ctest.

jobs=${COVEY_JOBS:-$(nproc)}
if command -v ccache >/dev/null; then
    export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER-ccache}
    export CCACHE_SLOPPINESS=pch_defines,time_macros  # or it refuses what uses a precompiled header
fi

# The files of the project, those not yet committed too; also in a copy without its history.
tracked_files() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do [ ! -e "$file" ] || echo "$file"; done
    else
        local pattern names=()
        for pattern in "$@"; do names+=(-o -name "$pattern"); done
        find . \( -name .git -o -name build -o -name .trees \) -prune -o \
            -type f \( -false "${names[@]}" \) -print | sed 's|^\./||' | sort
    fi
}

# quietly LOG COMMAND...: its output goes to build/LOG, and is shown only if it fails.
quietly() {
    local log=build/$1.log
    "${@:2}" >"$log" 2>&1 || {
        cat "$log" >&2
        return 1
    }
}

configure() { quietly "configure_$1" cmake --preset "$1" "${@:2}"; }
compile() { cmake --build --preset "$1" -j "$jobs" "${@:2}"; }

without_passed_tests() { grep -vE '^ *[0-9]+/[0-9]+ Test .* Passed |^ +Start +[0-9]+: '; }

# What ctest found is left in build/results/<preset>.xml, where the summary counts it.
run_tests() {
    mkdir -p build/results
    ctest --preset "$1" -j "$jobs" --output-junit "$root/build/results/$1.xml" "${@:2}" |
        without_passed_tests
}
