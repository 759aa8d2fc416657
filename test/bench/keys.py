"""The prompt in a terminal of its own: milliseconds from a key to its echo.

The first line in is {"argv": [...], "state": FOLDER, "ready": TEXT, "shown": TEXT, "leave": TEXT}. Each further line is {"text": TEXT, "cell":
TEXT}: the text is typed a key at a time, while the cell runs where there is one, and is answered with the median of its keys.
"""
import fcntl, json, os, pty, select, signal, statistics, struct, sys, termios, time

PATIENCE = 120


def until(terminal, wanted):
    """Reads until `wanted` was written."""
    seen, end = b'', time.monotonic() + PATIENCE
    while wanted not in seen:
        if time.monotonic() > end:
            raise RuntimeError(f'{wanted} was not written: {seen[-2000:]}')
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 1 << 16)


def keys(terminal, text):
    taken = []
    for end in range(1, len(text) + 1):
        begun = time.monotonic()
        os.write(terminal, text[end - 1].encode())
        until(terminal, text[:end].encode())
        taken.append((time.monotonic() - begun) * 1e3)
        time.sleep(0.03)
    return statistics.median(taken)


setup = json.loads(sys.stdin.readline())
pid, terminal = pty.fork()
if pid == 0:
    os.execve(setup['argv'][0], setup['argv'], {**os.environ, 'XDG_STATE_HOME': setup['state']})
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('4H', 40, 100, 0, 0))
try:
    until(terminal, setup['ready'].encode())
    until(terminal, setup['shown'].encode())
    for line in sys.stdin:
        asked = json.loads(line)
        if asked['cell']:
            os.write(terminal, asked['cell'].encode() + b'\r')
            until(terminal, b'9999')
        print(json.dumps({'key': keys(terminal, asked['text'])}), flush=True)
        if asked['cell']:
            os.write(terminal, b'\x03')
            until(terminal, b'KeyboardInterrupt')
        os.write(terminal, b'\x15')
        time.sleep(0.2)
    os.write(terminal, setup['leave'].encode())
    end = time.monotonic() + 5
    while time.monotonic() < end and os.waitpid(pid, os.WNOHANG)[0] == 0:
        try:
            select.select([terminal], [], [], 0.1)[0] and os.read(terminal, 1 << 16)
        except OSError:
            pass
finally:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
