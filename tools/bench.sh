# SPDX-License-Identifier: BSL-1.0
# `./dev bench`: builds covey's side optimised, then bench/runner measures.

bench() {
    need_packages python3
    case " $* " in
        *' --setup '* | *' --help '* | *' -h '*) ;;
        *) build_bench ;;
    esac
    # Debian's interpreter, for which Debian's packages are.
    PYTHONPATH=bench PYTHONDONTWRITEBYTECODE=1 exec /usr/bin/python3 -m runner "$@"
}

build_bench() {
    need_packages "${packages_build[@]}"
    configure release -DCOVEY_BENCH=ON
    echo "Building covey's side, where it has changed." >&2
    quietly bench cmake --build --preset release -j "$jobs" --target covey_bench savina
}
