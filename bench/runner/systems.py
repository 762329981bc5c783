# SPDX-License-Identifier: BSL-1.0
"""Covey and its peers: which Debian packages they need, how they are built and started.

Everything is built below build/peers/, by Debian's compilers, from Debian's packages.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .workloads import Case, Mistake

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "bench" / "peers"
LIMITS = ROOT / "bench" / "limits"
EXAMPLES = ROOT / "examples"
BUILT = ROOT / "build" / "peers"
COVEY = ROOT / "build" / "release" / "bench" / "workloads" / "covey_bench"


@dataclass(frozen=True)
class System:
    name: str
    title: str
    start: tuple[str, ...]  # "{workers}" stands for their number
    built: Path  # exists once it can be started
    packages: tuple[str, ...] = ()
    version_of: tuple[str, ...] = ()  # the packages whose versions are the system's
    build: tuple[str, ...] = ()
    folder: Path = ROOT  # where it is built, and what it is built from
    more: tuple[Path, ...] = ()  # other files and folders that it is built from
    environment: tuple[tuple[str, str], ...] = ()
    most_workers: int | None = None
    hangs_at: tuple[tuple[str, int], ...] = ()  # workloads and workers; README.md says more

    def command(self, case: Case) -> list[str] | None:
        if self.most_workers is not None and case.workers > self.most_workers:
            return None
        if (case.workload, case.workers) in self.hangs_at:
            return None
        size = [] if case.size is None else [str(case.size)]
        start = [word.replace("{workers}", str(case.workers)) for word in self.start]
        return [*start, case.workload, str(case.workers), *size]

    def is_built(self) -> bool:
        return self.built.exists()

    def is_current(self) -> bool:
        """Built since its sources changed. What needs no build always is."""
        if not self.is_built():
            return False
        if not self.build:
            return True
        sources = [file for place in [self.folder, *self.more] for file in _files(place)]
        return all(file.stat().st_mtime <= self.built.stat().st_mtime for file in sources)


def _files(place: Path) -> list[Path]:
    return [file for file in place.rglob("*") if file.is_file()] if place.is_dir() else [place]


def refuse_stale(systems: Iterable[System]) -> None:
    """An old program may measure something else than its source says, and nobody would see it."""
    if stale := [each.name for each in systems if not each.is_current()]:
        raise Mistake(
            f"{', '.join(stale)}: built before the sources changed: "
            f"./dev bench --setup --peers {','.join(stale)}"
        )


def _cxx(name: str, title: str, packages: tuple[str, ...], *, folder: Path,
         standard: str = "c++20", libraries: tuple[str, ...] = (), parts: tuple[Path, ...] = (),
         hangs_at: tuple[tuple[str, int], ...] = ()) -> System:  # fmt: skip
    """All C++ is compiled as covey is."""
    binary = BUILT / name
    sources = sorted(str(file) for file in [*folder.glob("*.cpp"), *parts])
    return System(
        name=name,
        title=title,
        start=(str(binary),),
        built=binary,
        packages=("clang-19", *packages),
        version_of=packages[:1],
        build=("clang++-19", f"-std={standard}", "-O3", "-DNDEBUG", "-pthread", f"-I{PEERS}",
               f"-I{EXAMPLES}", "-o", str(binary), *sources, *(f"-l{each}" for each in libraries)),  # fmt: skip
        folder=folder,
        more=(*PEERS.glob("*.hpp"), *(part.parent for part in parts)),
        hangs_at=hangs_at,
    )


def _python(name: str, title: str, packages: tuple[str, ...]) -> System:
    program = PEERS / "python" / f"{name}_bench.py"
    return System(
        name=name,
        title=title,
        start=("/usr/bin/python3", str(program)),
        built=program,
        packages=packages,
        version_of=packages,
        folder=PEERS / "python",
        most_workers=1,
    )


GO = System(
    name="go",
    title="goroutines and channels",
    start=(str(BUILT / "go_bench"),),
    built=BUILT / "go_bench",
    packages=("golang-go",),
    version_of=("golang-go",),
    build=("/usr/bin/go", "build", "-o", str(BUILT / "go_bench"), "."),
    folder=PEERS / "go",
    environment=(
        ("GOCACHE", str(BUILT / "go_cache")),
        ("GOFLAGS", "-mod=mod"),
        ("GOPROXY", "off"),
    ),
)

_TOKIO_BINARY = BUILT / "tokio" / "release" / "tokio_bench"
TOKIO = System(
    name="tokio",
    title="Rust's Tokio",
    start=(str(_TOKIO_BINARY),),
    built=_TOKIO_BINARY,
    packages=("cargo", "rustc", "librust-tokio-dev", "librust-libc-dev"),
    version_of=("librust-tokio-dev", "rustc"),
    build=(
        "/usr/bin/cargo", "build", "--release", "--offline",
        # Debian installs its crates as sources in one folder.
        "--config", 'source.crates-io.replace-with="debian"',
        "--config", 'source.debian.directory="/usr/share/cargo/registry"',
    ),  # fmt: skip
    folder=PEERS / "tokio",
    environment=(
        ("CARGO_HOME", str(BUILT / "cargo_home")),
        ("CARGO_TARGET_DIR", str(BUILT / "tokio")),
        ("RUSTC", "/usr/bin/rustc"),
    ),
)

ERLANG = System(
    name="erlang",
    title="Erlang/OTP",
    start=(
        "erl", "-noshell", "-noinput", "+S", "{workers}:{workers}", "+P", "4000000", "+Q", "65536",
        "-pa", str(BUILT / "erlang"), "-run", "bench", "main",
    ),  # fmt: skip
    built=BUILT / "erlang" / "bench.beam",
    packages=("erlang-base",),
    version_of=("erlang-base",),
    build=("erlc", "-o", str(BUILT / "erlang"), str(PEERS / "erlang" / "bench.erl")),
    folder=PEERS / "erlang",
)

MACHINE = _cxx(
    "limits",
    "the machine's own limits",
    ("libboost1.81-dev",),
    folder=LIMITS,
    parts=(EXAMPLES / "wordcrunch" / "counts.cpp",),
)

ASIO = _cxx(
    "asio",
    "Boost.Asio's coroutines and channels",
    ("libboost1.81-dev",),
    folder=PEERS / "asio",
)

FIBER = _cxx(
    "fiber",
    "Boost.Fiber",
    ("libboost-fiber1.81-dev", "libboost-context1.81-dev"),
    folder=PEERS / "fiber",
    libraries=("boost_fiber", "boost_context"),
)

CAF = _cxx(
    "caf",
    "C++ Actor Framework",
    ("libcaf-dev",),
    folder=PEERS / "caf",
    standard="c++17",
    libraries=("caf_core",),
    hangs_at=(("w5", 2),),
)

TRIO = _python("trio", "Trio", ("python3-trio",))
ASYNCIO = _python("asyncio", "Python's asyncio", ("python3",))

SYSTEMS = {
    system.name: system
    for system in [GO, TOKIO, ASIO, FIBER, CAF, ERLANG, TRIO, ASYNCIO, MACHINE]
}

# What loads the servers of w15, by hand until covey has one.
ECHO_CLIENT = _cxx("echo_client", "the client of w15", (), folder=PEERS / "echo_client")

COVEY_SYSTEM = System(name="covey", title="covey", start=(str(COVEY),), built=COVEY)


# The Savina programs, which have arguments of their own.

COVEY_SAVINA = ROOT / "build" / "release" / "bench" / "savina" / "savina"

SAVINA_CAF = _cxx(
    "savina_caf",
    "Savina with the C++ Actor Framework",
    ("libcaf-dev",),
    folder=PEERS / "savina" / "caf",
    standard="c++17",
    libraries=("caf_core",),
)

SAVINA_ERLANG = System(
    name="savina_erlang",
    title="Savina in Erlang",
    start=(
        "erl", "-noshell", "-noinput", "+S", "{workers}:{workers}", "+P", "4000000",
        "-pa", str(BUILT / "savina_erlang"), "-run", "savina", "main",
    ),  # fmt: skip
    built=BUILT / "savina_erlang" / "savina.beam",
    packages=("erlang-base",),
    version_of=("erlang-base",),
    build=(
        "erlc", "-o", str(BUILT / "savina_erlang"),
        str(PEERS / "savina" / "erlang" / "savina.erl"),
    ),  # fmt: skip
    folder=PEERS / "savina" / "erlang",
)

SAVINA_SYSTEMS = {"caf": SAVINA_CAF, "erlang": SAVINA_ERLANG}
