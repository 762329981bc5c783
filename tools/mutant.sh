#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# mutant.sh ROOT PATCH: one mutant of tools/mutants.sh, which has built the finder without it.
#
# The changed file stands in build/mutants/<name>/, and the compiler is shown it in the place of the
# real one (-ivfsoverlay). What the finder has of that file is compiled so, by the commands of
# build/dev, and linked before the libraries: so it is taken instead of what stands in them.
#
# Refused: applying the patch to the checkout. Whoever builds or edits there meanwhile has the
# mutant too, and has it still after a power cut. A copy of the checkout: it compiles everything.
set -euo pipefail
root=$1
patch=$2
cd "$root"
name=$(basename "$patch" .patch)
work=$root/build/mutants/$name
limit=${COVEY_MUTANT_SECONDS:-60}
export CCACHE_DISABLE=1  # it doesn't know what the compiler is shown
ulimit -c 0              # some finders end by abort()

# finish found|refused SECONDS WORDS
finish() {
    echo "$*" >"$work/outcome"
    printf '%-8s %s\n' "$1" "$name"
    exit 0
}

refuse() {
    tail -n 30 "$work/log"
    finish refused "${seconds:--}" "$1"
}

# The line of the patch that begins with KEY.
line() { sed -n "s/^$1: //p" "$patch"; }

changed_files() { sed -n 's|^+++ b/||p' "$patch"; }

apply() {
    local file
    while read -r file; do
        mkdir -p "$work/changed/$(dirname "$file")"
        cp "$file" "$work/changed/$file"
    done < <(changed_files)
    patch -p1 --silent --force --fuzz=0 --no-backup-if-mismatch --reject-file=- \
        -d "$work/changed" <"$patch"
}

write_overlay() {
    local file
    echo "{'version': 0, 'use-external-names': false, 'roots': ["
    while read -r file; do
        echo "{'type': 'file', 'name': '$root/$file', 'external-contents': '$work/changed/$file'},"
    done < <(changed_files)
    echo ']}'
}

# How ninja links the finder, without what it does before and afterwards.
link_command() { tail -n 1 "$work/commands" | sed -E 's/^: && //; s/ && .*$//'; }

link_for_map() {
    (cd build/dev && eval "${link/ -o $finder / -o $work/finder -Wl,-Map,$work/map }")
}

# The objects of build/dev that were made of a changed file.
objects_of_changed_files() {
    awk -v root="$root" -v files="$(changed_files)" '
        BEGIN {
            split(files, names, "\n")
            for (i in names) changed[root "/" names[i]] = changed["../../" names[i]] = 1
        }
        /^[^ ].*: #deps / { object = substr($0, 1, index($0, ": #deps ") - 1) }
        /^ / && substr($0, 5) in changed { print object }' build/mutants/deps
}

# The test's own ones come first, and are enough: an inline function is linked from the first that
# has it, and what the members of libraries have built in is not what such a test calls.
objects_to_compile() {
    local object target own=() members=()
    while read -r object; do
        target=${object#*CMakeFiles/}
        if grep -qF -- " $object " <<<"$link"; then
            own+=("$object")
        elif grep -qF -- "lib${target%%.dir/*}.a($(basename "$object"))" "$work/map"; then
            members+=("$object")
        fi
    done < <(objects_of_changed_files)
    [ ${#own[@]} -gt 0 ] || own=("${members[@]}")
    printf '%s\n' "${own[@]}"
}

compile() {
    local object changed command
    readarray -t objects < <(objects_to_compile)
    [ -n "${objects[0]}" ] || {
        echo "nothing of $finder is made of: $(changed_files)"
        return 1
    }
    for object in "${objects[@]}"; do
        command=$(grep -F -- " -o $object -c " "$work/commands")
        changed=$work/objects/$object
        mkdir -p "$(dirname "$changed")"
        command=$(sed -E 's/ -MD -MT [^ ]+ -MF [^ ]+//' <<<"$command")
        command=${command/ -o $object -c / -ivfsoverlay $work/overlay -o $changed -c }
        (cd build/dev && eval "$command") || return 1
    done
}

link_changed() {
    local object command=${link/ -o $finder / -o $work/finder }
    for object in "${objects[@]}"; do
        if grep -qF -- " $object " <<<"$command"; then
            command=${command/ $object / $work/objects/$object }
        else
            command=${command/ -o / $work/objects/$object -o }
        fi
    done
    (cd build/dev && eval "$command")
}

# Its exit status; the time it took, in $seconds.
run_finder() {
    local status=0 started=${EPOCHREALTIME/./} hundredths
    timeout --foreground "$limit" "$work/finder" "${arguments[@]}" >"$work/log" 2>&1 || status=$?
    hundredths=$(((${EPOCHREALTIME/./} - started + 5000) / 10000))
    seconds=$(printf '%d.%02d' $((hundredths / 100)) $((hundredths % 100)))
    return "$status"
} 2>/dev/null  # where bash tells of a program that was aborted

mkdir -p "$work"
run=$(line Run)
shows=$(line Shows)
[ -n "$run" ] && [ -n "$shows" ] || finish refused - 'has no "Run:", or no "Shows:"'
eval "arguments=($run)"
finder=${arguments[0]}
arguments=("${arguments[@]:1}")

apply >"$work/log" 2>&1 || refuse 'no longer applies: think it through again'
write_overlay >"$work/overlay"
ninja -C build/dev -t commands "$finder" >"$work/commands"
link=$(link_command)
link_for_map
compile >"$work/log" 2>&1 || refuse "can't be compiled"
link_changed >"$work/log" 2>&1 || refuse "can't be linked"

status=0
run_finder || status=$?
case $status in
    0) refuse "SURVIVES: $run" ;;
    124) refuse "isn't found within $limit s: $run" ;;
esac
grep -qE -- "$shows" "$work/log" || refuse "fails without saying \"$shows\": $run"
rm -f "$work/finder"
finish found "$seconds" "$run"
