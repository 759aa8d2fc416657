"""Starts a program in a terminal of its own and types a key as soon as it listens: milliseconds to the key's echo on the screen.

A JSON line in, {"argv": [...], "ready": TEXT, "key": TEXT, "leave": TEXT}, one out, {"listening": ms, "accepted": ms}. `ready` is what
the program writes when it takes keys, `leave` is typed to end it.
"""
import fcntl, json, os, pty, select, signal, struct, sys, termios, time

PATIENCE = 60


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
        if wanted and wanted in seen:
            return (time.monotonic() - begun) * 1e3
    if wanted:
        raise RuntimeError(f'{wanted} was not written: {seen[-2000:]}')


def run(argv, ready, key, leave):
    begun = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(argv[0], argv)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('4H', 24, 80, 0, 0))
    try:
        listening = until(terminal, ready.encode(), begun)
        os.write(terminal, key.encode())
        accepted = until(terminal, key.encode(), begun)
        os.write(terminal, leave.encode())
        until(terminal, None, time.monotonic())
        return {'listening': listening, 'accepted': accepted}
    finally:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(pid, 0)
        os.close(terminal)


for line in sys.stdin:
    print(json.dumps(run(**json.loads(line))), flush=True)
