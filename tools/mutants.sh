#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# mutants.sh [--in FOLDER] [NAME...]: do the tests find what they are there for? Each patch in
# tools/mutants/ puts one fault into covey, and names the test that finds it: one that passes
# without the fault, and fails with it, within a minute and in the words that the patch gives. All
# else is refused: a mutant that survives, a patch whose place is gone.
#
# The checkout stays as it is. The finders are those of the preset dev; see tools/mutant.sh.
set -euo pipefail
tools=$(cd "$(dirname "$0")" && pwd)
folder=$tools/..
if [ "${1-}" = --in ]; then
    folder=$2
    shift 2
fi
cd "$folder"
source "$tools/builds.sh"

choose_patches() {
    local name
    patches=()
    for name in "$@"; do
        patches+=("tools/mutants/$name.patch")
        [ -f "${patches[-1]}" ] || {
            echo "mutants: there is no tools/mutants/$name.patch" >&2
            exit 2
        }
    done
    [ $# -gt 0 ] || patches=(tools/mutants/*.patch)
}

# What finds the chosen mutants: programs of build/dev, with their arguments.
runs() { sed -n 's/^Run: //p' "${patches[@]}" | sort -u; }

build_finders() {
    local finders
    readarray -t finders < <(runs | cut -d' ' -f1 | sort -u)
    quietly configure_dev cmake --preset dev
    quietly compile_mutants cmake --build --preset dev -j "$jobs" --target "${finders[@]}"
    ninja -C build/dev -t deps >build/mutants/deps
}

# A finder that always fails finds nothing.
pass_without_mutants() {
    local run words
    while read -r run; do
        eval "words=($run)"
        quietly mutants/unchanged timeout 60 "build/dev/${words[0]}" "${words[@]:1}" || {
            echo "mutants: this fails without any mutant: $run" >&2
            return 1
        }
    done < <(runs)
}

# Each leaves its outcome in build/mutants/<name>/outcome: found or refused, seconds, words.
try_all() {
    local root
    root=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' build/dev/CMakeCache.txt)
    printf '%s\n' "${patches[@]}" |
        xargs -d '\n' -n 1 -P "$jobs" bash "$tools/mutant.sh" "$root" || true
}

print_table() {
    local patch name outcome seconds words cases='' refused=0
    printf '\n%-32s %8s  %s\n' mutant seconds 'found by'
    for patch in "${patches[@]}"; do
        name=$(basename "$patch" .patch)
        read -r outcome seconds words <"build/mutants/$name/outcome" ||
            { outcome=refused seconds=- words='tools/mutant.sh did not come to its end'; }
        printf '%-32s %8s  %s\n' "$name" "$seconds" "$words"
        cases+="<testcase name=\"$name\" classname=\"mutants\">"
        if [ "$outcome" != found ]; then
            refused=$((refused + 1))
            cases+="<failure/>"
        fi
        cases+="</testcase>"
    done
    printf '<testsuite name="mutants" tests="%d" failures="%d">%s</testsuite>\n' \
        "${#patches[@]}" "$refused" "$cases" >build/results/mutants.xml
    printf '\nmutants: %d tried, %d refused\n' "${#patches[@]}" "$refused"
    [ "$refused" = 0 ] || {
        echo 'What no test finds may come into covey unseen: mend the test, or think the patch' \
            'through again.'
        return 1
    }
}

main() {
    choose_patches "$@"
    rm -rf --one-file-system build/mutants
    mkdir -p build/mutants build/results
    build_finders
    pass_without_mutants
    try_all
    print_table
}

main "$@"
