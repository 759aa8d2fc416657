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
kernels = {}


def milliseconds(since):
    return (time.monotonic() - since) * 1e3


def listening(port):
    """ZeroMQ would look again every 100 ms only: the port is watched closely before the client connects."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(('127.0.0.1', port)) == 0:
                return
        time.sleep(0.002)
    raise TimeoutError(f'nothing listens at port {port}')


def shell(client, id):
    while True:
        message = client.get_shell_msg(timeout=PATIENCE)
        if message['parent_header'].get('msg_id') == id:
            return message


def iopub(client, id, wanted):
    while True:
        message = client.get_iopub_msg(timeout=PATIENCE)
        if message['parent_header'].get('msg_id') == id and wanted(message):
            return message


def idle(message):
    return message['content'].get('execution_state') == 'idle'


def start(kernel):
    begun = time.monotonic()
    manager = KernelManager(kernel_name=kernel)
    manager.start_kernel()
    listening(manager.shell_port)
    client = manager.client()
    client.start_channels(stdin=False, hb=False)
    kernels[kernel] = manager, client
    shell(client, client.kernel_info())
    info = milliseconds(begun)
    while True:  # a subscription takes effect a moment after the connection
        shell(client, client.kernel_info())
        try:
            client.get_iopub_msg(timeout=0.02)
            break
        except queue.Empty:
            pass
    id = client.execute(CELL)
    iopub(client, id, lambda message: message['msg_type'] in RESULTS)
    result = milliseconds(begun)
    iopub(client, id, idle)
    return {'info': info, 'result': result}


def cells(kernel, times, again):
    client = kernels[kernel][1]
    took = []
    for n in range(times):
        begun = time.monotonic()
        id = client.execute(CELL if again else f'{CELL} + {n}')
        iopub(client, id, idle)
        shell(client, id)
        took.append(milliseconds(begun))
    return took


def complete(kernel, times):
    client = kernels[kernel][1]
    code = COMPLETE[kernel]
    took = []
    for _ in range(times):
        begun = time.monotonic()
        reply = shell(client, client.complete(code, len(code)))
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
