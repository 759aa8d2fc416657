"""Starts a prompt in a terminal of its own and types a key as soon as it listens, then a cell, then keys one by one while it is idle.

A JSON line in, {"argv": [...], "ready": TEXT, "key": TEXT, "cell": TEXT, "result": TEXT, "leave": TEXT}, one out, {"listening": ms,
"accepted": ms, "result": ms, "keys": [ms…]}: from the start until it takes keys (`ready` is written), the first one is on the screen, and
the cell's result is; and from a key to its echo. `leave` is typed to end it.
"""
import fcntl, json, os, pty, select, signal, struct, sys, termios, time

PATIENCE = 60
KEYS = 20
# Seconds without output, and until what loads behind the prompt has loaded.
PAUSE = 0.05
SETTLES = 1
CLEAR = b'\x15'


def until(terminal, wanted, begun):
    """Reads until `wanted` was written; the milliseconds since `begun`. None: the program is gone."""
    seen = b''
    while time.monotonic() - begun < PATIENCE:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            data = os.read(terminal, 1 << 16)
        except OSError:
            data = b''
        if not data:
            break
        seen += data
        # Where the cursor is: prompt_toolkit asks, and waits for the answer.
        if b'\x1b[6n' in data:
            os.write(terminal, b'\x1b[1;1R')
        if wanted and wanted in seen:
            return (time.monotonic() - begun) * 1e3
    if wanted:
        raise RuntimeError(f'{wanted} was not written: {seen[-2000:]}')


def quiet(terminal):
    """Reads until nothing comes any more."""
    while select.select([terminal], [], [], PAUSE)[0]:
        os.read(terminal, 1 << 16)


def latency(terminal, key):
    quiet(terminal)
    begun = time.monotonic()
    os.write(terminal, key)
    return until(terminal, key, begun)


def run(argv, ready, key, cell, result, leave):
    begun = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(argv[0], argv)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('4H', 24, 80, 0, 0))
    try:
        listening = until(terminal, ready.encode(), begun)
        os.write(terminal, key.encode())
        accepted = until(terminal, key.encode(), begun)
        os.write(terminal, CLEAR + cell.encode() + b'\r')
        shown = until(terminal, result.encode(), begun)
        time.sleep(SETTLES)
        keys = [latency(terminal, key.encode()) for _ in range(KEYS)]
        os.write(terminal, leave.encode())
        until(terminal, None, time.monotonic())
        return {'listening': listening, 'accepted': accepted, 'result': shown, 'keys': keys}
    finally:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(pid, 0)
        os.close(terminal)


for line in sys.stdin:
    print(json.dumps(run(**json.loads(line))), flush=True)
