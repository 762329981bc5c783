# SPDX-License-Identifier: BSL-1.0
"""`./dev bench --setup`: Debian's packages, then a build of each peer that has changed."""

import os
import subprocess
from collections.abc import Iterable

from .systems import BUILT, ROOT, System

# With matplotlib there are plots; the rest of the runner does without.
RUNNER_PACKAGES = ("python3", "python3-matplotlib")

_NEED_PACKAGES = 'root=$PWD; source tools/builds.sh; source tools/packages.sh; need_packages "$@"'


def need_packages(packages: Iterable[str]) -> bool:
    command = ["bash", "-euo", "pipefail", "-c", _NEED_PACKAGES, "setup", *packages]
    return subprocess.run(command, cwd=ROOT).returncode == 0


def build(system: System) -> str | None:
    """Why it can't be built; None: it is."""
    if not need_packages(system.packages):
        return f"apt-get could not install {' '.join(system.packages)}"
    if not system.build or system.is_current():
        return None
    system.built.parent.mkdir(parents=True, exist_ok=True)
    log = BUILT / f"{system.name}.log"
    try:
        with open(log, "w") as file:
            status = subprocess.run(
                system.build,
                cwd=system.folder,
                env=os.environ | dict(system.environment),
                stdout=file,
                stderr=subprocess.STDOUT,
            ).returncode
    except OSError as error:
        return str(error)
    if status != 0:
        tail = "\n    ".join(log.read_text().splitlines()[-15:])
        return f"{system.build[0]} failed; the end of {log.relative_to(ROOT)}:\n    {tail}"
    os.utime(system.built)  # a builder that finds nothing changed leaves it older than the sources
    return None


def setup(systems: Iterable[System]) -> bool:
    """Builds what can be built, and says what can't; True: all of it."""
    BUILT.mkdir(parents=True, exist_ok=True)
    systems = list(systems)
    complete = True
    every = {*RUNNER_PACKAGES}.union(*(system.packages for system in systems))
    if not need_packages(sorted(every)):
        print("apt-get can't install all of that together: now for one after the other.")
        if not need_packages(RUNNER_PACKAGES):
            print("There will be no plots.")
            complete = False
    for system in systems:
        print(f"{system.name:8} {system.title} ... ", end="", flush=True)
        problem = build(system)
        print("built" if problem is None else f"NOT BUILT: {problem}", flush=True)
        complete = complete and problem is None
    if not complete:
        print("`./dev bench` measures what is built, and leaves the rest out.")
    return complete
