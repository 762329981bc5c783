# SPDX-License-Identifier: BSL-1.0
"""What a run leaves behind: where and with what it was measured, all figures, the judgement."""

import datetime
import json
import os
import platform
import shlex
import subprocess
from collections.abc import Iterable
from pathlib import Path

from .comparing import Row
from .running import Results
from .systems import ROOT, System


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _first_value(file: str, key: str) -> str:
    try:
        for line in Path(file).read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    except OSError:
        pass
    return "unknown"


def machine() -> dict:
    release = platform.freedesktop_os_release()
    return {
        "processor": _first_value("/proc/cpuinfo", "model name"),
        "processors": os.cpu_count(),
        "memory": _first_value("/proc/meminfo", "MemTotal"),
        "kernel": f"{platform.system()} {platform.release()}",
        "system": release.get("PRETTY_NAME", "unknown"),
        "load": list(os.getloadavg()),
    }


def versions(systems: Iterable[System]) -> dict[str, str]:
    result = {"clang": _output("clang++-19", "--version").partition("\n")[0]}
    for system in systems:
        if system.version_of:
            found = [
                f"{package} {_output('dpkg-query', '-W', '-f', '${Version}', package)}"
                for package in system.version_of
            ]
            result[system.name] = ", ".join(found)
    return result


def commit() -> dict:
    return {
        "id": _output("git", "rev-parse", "HEAD") or "unknown",
        "changed": bool(_output("git", "status", "--porcelain", "--untracked-files=no")),
    }


def environment(systems: Iterable[System], arguments: list[str], runs: int) -> dict:
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "command": shlex.join(["./dev", "bench", *arguments]),
        "commit": commit(),
        "machine": machine(),
        "versions": versions(systems),
        "runs": runs,
    }


def as_json(about: dict, rows: list[Row], results: Results) -> str:
    measured = [
        {
            "workload": case.workload,
            "workers": case.workers,
            "size": case.size,
            "program": name,
            "metrics": series.metrics,
            "failures": series.failures,
            "unsupported": series.unsupported,
        }
        for case, programs in results.items()
        for name, series in programs.items()
    ]
    goals = [
        {
            "workload": row.case.workload,
            "workers": row.case.workers,
            "metric": row.metric,
            "peer": judgement.goal.peer,
            "ratio": judgement.goal.ratio,
            "at_most": judgement.goal.at_most,
            "reached": judgement.reached,
            "verdict": judgement.verdict.value,
        }
        for row in rows
        for judgement in row.judgements
    ]
    return json.dumps(about | {"goals": goals, "results": measured}, indent=1) + "\n"


def headline(about: dict) -> str:
    at = about["machine"]
    changed = ", with changes" if about["commit"]["changed"] else ""
    versions = "; ".join(f"{name}: {version}" for name, version in about["versions"].items())
    return (
        f"{about['command']}\n"
        f"{about['date']}, commit {about['commit']['id'][:12]}{changed}, "
        f"{about['runs']} runs each\n"
        f"{at['processors']} x {at['processor']}, {at['memory']}, {at['system']}, {at['kernel']}, "
        f"load {at['load'][0]:.2f}\n"
        f"{versions}\n"
    )
