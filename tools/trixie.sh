# SPDX-License-Identifier: BSL-1.0
trixie() { echo "the Debian 13 tree is not here yet" >&2; return 1; }
trixie_test() { trixie; }
trixie_clean() { :; }
