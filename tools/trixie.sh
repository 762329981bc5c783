# SPDX-License-Identifier: BSL-1.0
# A Debian 13 tree for g++ 14, in .trees/debian13.
#
# Lifetime: the tree is made beside its final place and moved there when it is complete, so a tree
# that stands under its name is whole. Everything is mounted in a mount namespace of its own
# (enter_tree.sh), so nothing of the machine is ever reachable below a folder that gets deleted.

trixie_tree=$root/.trees/debian13
trixie_contents=g++,cmake,ninja-build,libfmt-dev,catch2,libboost-dev,libcaf-dev,libssl-dev,openssl

# The Debian mirror that this machine's apt uses.
trixie_mirror() {
    local query=(apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(REPO_URI)'
        'Created-By: Packages')
    [ -n "$("${query[@]}" | grep '^Debian ')" ] || quietly apt_update as_root apt-get update
    "${query[@]}" | awk '$1 == "Debian" && $2 !~ /-/ { print $3; exit }'
}

trixie_is_ready() {
    [ "$(cat "$trixie_tree/covey-contents" 2>/dev/null)" = "$trixie_contents" ]
}

trixie_remove() {
    [ -e "$1" ] || return 0
    if grep -qF " $1/" /proc/self/mountinfo; then
        echo "Something is mounted below $1. Unmount it, then try again." >&2
        return 1
    fi
    as_root rm -rf --one-file-system -- "$1"
}

trixie_make() {
    local mirror new=$trixie_tree.new
    as_root unshare --mount true || {
        echo "A Debian 13 tree needs a mount namespace, which this machine refuses even to root" \
            "(a chroot, or a container without CAP_SYS_ADMIN?)." >&2
        return 1
    }
    if trixie_is_ready; then return 0; fi
    need_packages "${packages_trixie[@]}"
    mirror=${COVEY_DEBIAN_MIRROR:-$(trixie_mirror)}
    if [ -z "$mirror" ]; then
        echo "apt names no Debian mirror here. Give one: COVEY_DEBIAN_MIRROR=http://..." >&2
        return 1
    fi
    trixie_remove "$new"
    trixie_remove "$trixie_tree"
    mkdir -p "${trixie_tree%/*}"
    echo "Making a Debian 13 tree in $trixie_tree (once, about a minute)"
    quietly debootstrap as_root unshare --mount \
        debootstrap --variant=minbase --include="$trixie_contents" trixie "$new" "$mirror"
    as_root bash -c "mkdir -p '$new/covey' '$new/build' &&
        echo '$trixie_contents' >'$new/covey-contents' && mv '$new' '$trixie_tree'"
}

# trixie [COMMAND...]: runs it in the tree, where /covey is this checkout (read-only) and /build is
# for results.
trixie() {
    trixie_make
    [ $# -gt 0 ] || return 0
    as_root unshare --mount --pid --fork --kill-child \
        bash tools/enter_tree.sh "$trixie_tree" "$root" "$@"
}

trixie_test() {
    trixie_make
    quietly configure_gcc trixie cmake --preset gcc -B /build/gcc
    trixie cmake --build /build/gcc -j "$jobs"
    mkdir -p build/results
    as_root rm -f "$trixie_tree/build/gcc.xml"
    local status=0
    trixie ctest --test-dir /build/gcc -j "$jobs" --output-on-failure --no-tests=error \
        --output-junit /build/gcc.xml | without_passed_tests || status=$?
    cp "$trixie_tree/build/gcc.xml" build/results/gcc.xml
    return "$status"
}

trixie_clean() {
    [ ! -d "$trixie_tree/build" ] || as_root find "$trixie_tree/build" -xdev -mindepth 1 -delete
}
