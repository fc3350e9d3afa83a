"""A contender: a process that loads once and runs on request.

The protocol, the same for every contender, one line each way:

    it prints                  ready {"name": ..., "version": ...}
    "run K\\n"        ->        {"network_ns": [K times], ...}
    "nms FILE K\\n"   ->        {"ns": [K times], "kept": [rows of FILE]}
    "input FILE\\n"   ->        {"input": FILE}, a .npy to run on (peers only)
    "heads FILE\\n"   ->        {"heads": 3}, raw float32 in FILE (peers only)
    end of input               it exits

A contender that is not asked is stopped (SIGSTOP), so that threads which spin
for their next work cannot take the CPUs from the one that is measured.
"""

import ctypes
import json
import os
import select
import signal
import subprocess
import tempfile
import time

PR_SET_PDEATHSIG = 1

# The driver goes first: it must be able to stop a contender that spins.
DRIVER_PRIORITY, CONTENDER_PRIORITY = 20, 10


class Refused(Exception):
    """The contender did not start or did not answer; the text says why."""


def busy_ticks():
    """Clock ticks that all CPUs spent on anything, stolen ones included.

    proc(5): user nice system idle iowait irq softirq steal; the guest fields
    that follow are counted in user and nice already.
    """
    with open("/proc/stat", encoding="ascii") as stat:
        ticks = list(map(int, stat.readline().split()[1:9]))
    return sum(ticks) - ticks[3] - ticks[4]


def share_of_cpus(ticks, seconds):
    room = seconds * os.sysconf("SC_CLK_TCK") * os.cpu_count()
    return max(0.0, ticks / room)


def realtime_priority(priority):
    """Ahead of everything that is not; round robin, so that a thread of a pool
    that spins cannot keep another of the same pool from its CPU for ever."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(priority))
    except PermissionError as error:
        raise Refused(f"--realtime: {error.strerror}") from error


def wait_for_calm(share, patience_s=30):
    """Wait, but not for ever, until others use at most SHARE of the CPUs."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        begin, busy = time.monotonic(), busy_ticks()
        time.sleep(0.25)
        seconds = time.monotonic() - begin
        if share_of_cpus(busy_ticks() - busy, seconds) <= share:
            return


class Contender:
    """One process, its protocol, and what it has measured so far."""

    def __init__(
        self, name, command, cpus, peer=True, timeout_s=600, realtime=False
    ):
        self.name = name
        self.peer = peer  # counts when the best peer is looked for
        self.cpus = cpus
        self.realtime = realtime
        self.timeout_s = timeout_s
        self.rounds = []  # the answers, one a round
        self.others = []  # share of the machine that others used meanwhile
        self.buffer = b""
        self.log = tempfile.TemporaryFile()
        try:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.log,
                start_new_session=True,
                preexec_fn=self.prepare,
            )
        except OSError as error:
            raise Refused(f"{command[0]}: {error.strerror}") from error
        word, _, rest = self.read_line().partition(" ")
        if word != "ready":
            self.close()
            raise Refused(f"'{word} {rest}' is not 'ready {{json}}'")
        self.facts = json.loads(rest)
        self.stop()

    def prepare(self):
        """In the child: its CPUs, and not to outlive a killed driver."""
        os.sched_setaffinity(0, self.cpus)
        if self.realtime:
            realtime_priority(CONTENDER_PRIORITY)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def read_line(self):
        deadline = time.monotonic() + self.timeout_s
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if (
                left <= 0
                or not select.select([self.process.stdout], [], [], left)[0]
            ):
                self.fail(f"no answer within {self.timeout_s} s")
            data = os.read(self.process.stdout.fileno(), 1 << 20)
            if not data:
                self.fail(f"ended with status {self.process.wait()}")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.decode()

    def fail(self, what):
        self.log.seek(0)
        said = self.log.read().decode(errors="replace").strip().splitlines()
        self.close()
        raise Refused(f"{what}: {said[-1]}" if said else what)

    def signal_all(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def stop(self):
        self.signal_all(signal.SIGSTOP)

    def exchange(self, line):
        """Send one request to a contender that is awake; return the answer."""
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self.fail(f"ended with status {self.process.wait()}")
        return json.loads(self.read_line())

    def ask(self, line):
        """Wake it, ask, and stop it again."""
        self.signal_all(signal.SIGCONT)
        answer = self.exchange(line)
        self.stop()
        return answer

    def measure(self, line, warmup=None):
        """Ask; the answer, and the share of all CPUs that others took."""
        self.signal_all(signal.SIGCONT)
        if warmup:
            self.exchange(warmup)
        begin, busy, own = time.monotonic(), busy_ticks(), self.own_ticks()
        answer = self.exchange(line)
        seconds = time.monotonic() - begin
        foreign = (busy_ticks() - busy) - (self.own_ticks() - own)
        self.stop()
        return answer, share_of_cpus(foreign, seconds)

    def keep(self, answer, others):
        self.rounds.append(answer)
        self.others.append(others)

    def own_ticks(self):
        """utime + stime: fields 14 and 15 of proc(5), 11 past the name."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            return sum(map(int, stat.read().rsplit(") ", 1)[1].split()[11:13]))

    def close(self):
        self.signal_all(signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()
