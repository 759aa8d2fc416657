"""A notebook's front end, by jupyter_client: starts a kernel of this name and does what each line says, a JSON line for each.

{"execute": CODE} runs a cell: {"count": N, "status": …, "text": what it gave as plain text}. {"restart": true} and {"end": true} are what a
notebook's buttons do. The first line out is {"file": the connection file}.
"""
import json, os, sys
from jupyter_core.paths import jupyter_runtime_dir
from jupyter_client.manager import KernelManager

PATIENCE = 120
manager = KernelManager(kernel_name=sys.argv[1])
manager.connection_file = os.path.join(jupyter_runtime_dir(), f'kernel-{os.getpid()}.json')
manager.start_kernel()
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=PATIENCE)


def say(**what):
    print(json.dumps(what), flush=True)


def execute(code):
    texts = []

    def hear(message):
        content = message['content']
        if message['msg_type'] == 'stream':
            texts.append(content['text'])
        elif message['msg_type'] == 'execute_result':
            texts.append(content['data']['text/plain'])

    reply = client.execute_interactive(code, output_hook=hear, timeout=PATIENCE, allow_stdin=False)['content']
    say(count=reply['execution_count'], status=reply['status'], text=''.join(texts))


say(file=manager.connection_file)
for line in sys.stdin:
    request = json.loads(line)
    if 'execute' in request:
        execute(request['execute'])
    elif 'restart' in request:
        manager.restart_kernel(now=False)
        client.wait_for_ready(timeout=PATIENCE)
        say(restarted=True)
    else:
        break
client.stop_channels()
manager.shutdown_kernel(now=False)
say(ended=True)
