# SPDX-License-Identifier: BSL-1.0
"""What the programs in Python share."""

import contextlib
import resource
import sys
import time

now = time.perf_counter_ns


def metric(name, value):
    print(f"M {name} {value:.3f}", flush=True)


def per_operation(start, count, name="ns"):
    metric(name, (now() - start) / count)


@contextlib.contextmanager
def timed(count, name="ns"):
    """What each of the block's operations takes, of which there are that many."""
    start = now()
    yield
    per_operation(start, count, name)


def percentiles(prefix, values):
    ordered = sorted(values)
    for name, part in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)):
        metric(prefix + name, ordered[int(part * len(ordered))])


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def peak_bytes():
    """The most that this program has held. getrusage would count what its parent held when it
    started the program."""
    with open("/proc/self/status") as file:
        (kib,) = (line.split()[1] for line in file if line.startswith("VmHWM:"))
    return int(kib) * 1024


def cpu_ms():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return 1e3 * (used.ru_utime + used.ru_stime)


def sum_below(count):
    return count * (count - 1) // 2


def delays(count, limit_ns):
    """Pseudo-random lengths in nanoseconds, the same ones in each program."""
    mask = (1 << 64) - 1
    state = 88172645463325252
    result = []
    for _ in range(count):
        state ^= state << 13 & mask
        state ^= state >> 7
        state ^= state << 17 & mask
        result.append(state % limit_ns)
    return result


def lateness(lengths, late):
    percentiles("late_", late)
    after_start = [ns for length, ns in zip(lengths, late) if length >= 250_000_000]
    percentiles("late250_", after_start)


def main(run, workloads):
    """run: trio.run or asyncio.run. There is one thread, whatever is asked for."""
    if len(sys.argv) < 3:
        sys.exit(f"usage: {sys.argv[0]} WORKLOAD THREADS")
    if sys.argv[1] not in workloads or sys.argv[2] != "1":
        print("UNSUPPORTED")
        sys.exit(3)
    run(workloads[sys.argv[1]])
