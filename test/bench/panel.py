"""The prompt in a terminal of its own with a panel pinned: what that costs.

The first line in is {"argv": [...], "ready": TEXT, "cells": [[TEXT, SHOWN]...], "leave": TEXT}: each cell is typed, and SHOWN is waited for.
Each further line is {"seconds": N}, and is answered with {"cpu": percent of a core of the prompt and its kernel, "bytes": written to the
terminal for an update}.
"""
import fcntl, json, os, pty, select, signal, struct, sys, termios, time

PATIENCE = 120
TICK = os.sysconf('SC_CLK_TCK')
UPDATE = b'\x1b[?2026h'


def read(terminal, within):
    if not select.select([terminal], [], [], within)[0]:
        return b''
    return os.read(terminal, 1 << 16)


def until(terminal, wanted):
    seen, end = b'', time.monotonic() + PATIENCE
    while wanted.encode() not in seen:
        if time.monotonic() > end:
            raise RuntimeError(f'{wanted} was not written: {seen[-2000:]}')
        seen += read(terminal, 1)


def children(pid):
    for task in os.listdir(f'/proc/{pid}/task'):
        with open(f'/proc/{pid}/task/{task}/children') as file:
            yield from map(int, file.read().split())


def ticks(pid):
    """User and system time of a process, all its threads."""
    with open(f'/proc/{pid}/stat') as file:
        fields = file.read().rpartition(')')[2].split()
    return int(fields[11]) + int(fields[12])


def measure(terminal, pids, seconds):
    begun, before, written, updates = time.monotonic(), sum(map(ticks, pids)), 0, 0
    while time.monotonic() - begun < seconds:
        data = read(terminal, 0.05)
        written += len(data)
        updates += data.count(UPDATE)
    spent = (sum(map(ticks, pids)) - before) / TICK
    return {'cpu': 100 * spent / (time.monotonic() - begun), 'bytes': written / max(1, updates)}


setup = json.loads(sys.stdin.readline())
pid, terminal = pty.fork()
if pid == 0:
    os.execv(setup['argv'][0], setup['argv'])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('4H', 40, 100, 0, 0))
try:
    until(terminal, setup['ready'])
    for text, shown in setup['cells']:
        os.write(terminal, text.encode() + b'\r')
        until(terminal, shown)
    pids = [pid, *children(pid)]
    measure(terminal, pids, 1)
    for line in sys.stdin:
        print(json.dumps(measure(terminal, pids, json.loads(line)['seconds'])), flush=True)
    os.write(terminal, setup['leave'].encode())
    end = time.monotonic() + 5
    while time.monotonic() < end and os.waitpid(pid, os.WNOHANG)[0] == 0:
        try:
            read(terminal, 0.1)
        except OSError:
            pass
finally:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
