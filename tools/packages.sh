# SPDX-License-Identifier: BSL-1.0
# Installs Debian packages that are missing. Silent when nothing is.

# Debian 12's default Boost is older than the one that Asio's users want; they exclude each other.
if grep -q '^VERSION_ID="12"' /etc/os-release 2>/dev/null; then
    package_boost=libboost1.81-dev
else
    package_boost=libboost-dev
fi

packages_build=(cmake ninja-build clang-19 libfmt-dev "$package_boost" libcaf-dev libssl-dev)
packages_test=(libclang-rt-19-dev clang-format-19 catch2 g++ python3 openssl)
packages_mutants=(patch)
packages_counts=(valgrind)
packages_trixie=(debootstrap debian-archive-keyring)

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "This needs root and there is no sudo. As root, run: $*" >&2
        return 1
    fi
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

need_packages() {
    local package missing=()
    command -v dpkg-query >/dev/null || return 0  # not a Debian: CMake names what it misses
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    echo "Installing with apt-get: ${missing[*]}"
    quietly apt_update as_root apt-get update
    quietly apt_install as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}"
}
