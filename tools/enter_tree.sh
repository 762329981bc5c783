#!/usr/bin/env bash
# SPDX-License-Identifier: BSL-1.0
# enter_tree.sh TREE CHECKOUT COMMAND...: runs a command inside a Debian tree. Called in a mount
# namespace of its own by trixie.sh: the mounts end with the command.
set -euo pipefail
tree=$1 checkout=$2
shift 2
mount --make-rprivate /
mount -t proc proc "$tree/proc"
mount --bind "$checkout" "$tree/covey"
mount -o remount,bind,ro "$tree/covey"
exec chroot "$tree" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    CI="${CI-}" bash -c 'cd /covey && exec "$@"' enter_tree "$@"
