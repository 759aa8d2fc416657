"""Drives kernels as a front end of Jupyter's does, the same way for each: a JSON line in, one out, times in milliseconds.

{"do": "start", "kernel": NAME}         -> {"info": ..., "result": ...}, both since the start
{"do": "cells", "kernel": NAME, "times": N, "again": BOOL} -> [ms, ...]: a trivial cell, from request to idle, each another or the same
{"do": "complete", "kernel": NAME, "times": N} -> [ms, ...]
{"do": "memory", "kernel": NAME}        -> {"pss": MiB, "rss": MiB}
{"do": "stop", "kernel": NAME}          -> {}
"""
import json, queue, socket, sys, time
from jupyter_client import KernelManager

# What is trivial in each language, and something to complete.
CELL = '1 + 1'
COMPLETE = {'vfiolab': 'Math.', 'tslab': 'Math.', 'python3': 'str.'}
# tslab prints a cell's value.
RESULTS = ('execute_result', 'stream', 'display_data')
PATIENCE = 60
# How often a kernel may be started that dies of it.
STARTS = 3
kernels = {}


def milliseconds(since):
    return (time.monotonic() - since) * 1e3


class Died(Exception):
    pass


def alive(kernel):
    code = kernels[kernel][0].provisioner.process.poll()
    if code is not None:
        raise Died(f'{kernel} died, exit {code}')


def listening(kernel):
    """On all five ports: ZeroMQ would look again every 100 ms only, and a kernel that is spoken to while it binds may not survive it."""
    deadline = time.monotonic() + PATIENCE
    for port in kernels[kernel][0].ports:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(('127.0.0.1', port)) == 0:
                    break
            alive(kernel)
            if time.monotonic() > deadline:
                raise TimeoutError(f'nothing listens at port {port}')
            time.sleep(0.002)


def hear(kernel, receive, id, wanted=lambda message: True):
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            message = receive(timeout=0.2)
            if message['parent_header'].get('msg_id') == id and wanted(message):
                return message
        except queue.Empty:
            alive(kernel)
            if time.monotonic() > deadline:
                raise


def shell(kernel, id):
    return hear(kernel, kernels[kernel][1].get_shell_msg, id)


def iopub(kernel, id, wanted):
    return hear(kernel, kernels[kernel][1].get_iopub_msg, id, wanted)


def idle(message):
    return message['content'].get('execution_state') == 'idle'


def start(kernel):
    """A kernel may lose a race of its own, against its ports or its client: it is started again, whichever it is."""
    for left in reversed(range(STARTS)):
        try:
            return started(kernel)
        except Died as death:
            stop(kernel)
            if left == 0:
                raise
            print(f'{death} at its start; again', file=sys.stderr)


def started(kernel):
    begun = time.monotonic()
    manager = KernelManager(kernel_name=kernel)
    manager.start_kernel()
    client = manager.client()
    kernels[kernel] = manager, client
    listening(kernel)
    client.start_channels(stdin=False, hb=False)
    shell(kernel, client.kernel_info())
    info = milliseconds(begun)
    while True:  # a subscription takes effect a moment after the connection
        shell(kernel, client.kernel_info())
        try:
            client.get_iopub_msg(timeout=0.02)
            break
        except queue.Empty:
            pass
    id = client.execute(CELL)
    iopub(kernel, id, lambda message: message['msg_type'] in RESULTS)
    result = milliseconds(begun)
    iopub(kernel, id, idle)
    return {'info': info, 'result': result}


def cells(kernel, times, again):
    client = kernels[kernel][1]
    took = []
    for n in range(times):
        begun = time.monotonic()
        id = client.execute(CELL if again else f'{CELL} + {n}')
        iopub(kernel, id, idle)
        shell(kernel, id)
        took.append(milliseconds(begun))
    return took


def complete(kernel, times):
    client = kernels[kernel][1]
    code = COMPLETE[kernel]
    took = []
    for _ in range(times):
        begun = time.monotonic()
        reply = shell(kernel, client.complete(code, len(code)))
        took.append(milliseconds(begun))
        assert reply['content']['matches'], 'no completion'
    return took


def memory(kernel):
    pid = kernels[kernel][0].provisioner.process.pid
    with open(f'/proc/{pid}/smaps_rollup') as rollup:
        found = dict(line.split()[:2] for line in rollup if line.startswith(('Rss:', 'Pss:')))
    return {name: int(found[key]) / 1024 for name, key in (('pss', 'Pss:'), ('rss', 'Rss:'))}


def stop(kernel):
    manager, client = kernels.pop(kernel)
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    return {}


try:
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(globals()[request.pop('do')](**request)), flush=True)
finally:
    for kernel in list(kernels):
        stop(kernel)
