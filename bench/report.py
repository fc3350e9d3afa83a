"""Tables, statistics and the facts about a machine that a figure needs."""

import os
import platform
import statistics


def table(titles, rows):
    """A Markdown table, padded so that it also reads well on a terminal."""
    cells = [titles, *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(titles))]
    lines = []
    for row in cells:
        padded = [c.ljust(w) for c, w in zip(row, widths, strict=True)]
        lines.append("| " + " | ".join(padded) + " |")
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def median_of_rounds(rounds):
    """(median of the rounds' medians, lowest and highest median, minimum)."""
    medians = [statistics.median(samples) for samples in rounds]
    return (
        statistics.median(medians),
        min(medians),
        max(medians),
        min(min(samples) for samples in rounds),
    )


def paired_ratios(base, rounds):
    """BASE's median over this one's, round by round: free of slow drift."""
    return [
        statistics.median(b) / statistics.median(r)
        for b, r in zip(base, rounds, strict=True)
    ]


def read(path, fallback="unknown"):
    try:
        with open(path, encoding="utf-8") as source:
            return source.read().strip()
    except OSError:
        return fallback


def cpu_name():
    for line in read("/proc/cpuinfo", "").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def host():
    """What a reader needs to judge a figure from this machine."""
    flags = set()
    for line in read("/proc/cpuinfo", "").splitlines():
        if line.startswith("flags"):
            flags = set(line.split(":", 1)[1].split())
            break
    wanted = (
        "avx2",
        "fma",
        "avx512f",
        "avx512_vnni",
        "avx512_bf16",
        "amx_tile",
    )
    return {
        "cpu": cpu_name(),
        "flags": [flag for flag in wanted if flag in flags],
        "cpus": sorted(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "quota": read("/sys/fs/cgroup/cpu.max"),
        "governor": read(
            "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
        ),
        "load": os.getloadavg(),
    }
