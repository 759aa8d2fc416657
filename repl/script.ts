/** A script on standard input: one cell behind the prelude, its outputs as plain text, exit code 1 where it fails. No Ink, no colours. */
import { text } from 'node:stream/consumers';
import type { Output } from '../kernel/client.js';
import type { Kernel } from './work.js';
import { plainText } from './transcript.js';

function print(output: Output): void {
  switch (output.type) {
    case 'stream':
      (output.name === 'stdout' ? process.stdout : process.stderr).write(output.text);
      break;
    case 'result':
    case 'display':
    case 'update':
      process.stdout.write(`${plainText(output.data)}\n`);
      break;
    case 'error': {
      const lines = output.traceback.length > 0 ? output.traceback : [`${output.ename}: ${output.evalue}`];
      process.stderr.write(`${lines.join('\n')}\n`);
      break;
    }
  }
}

export async function runScript(prelude: string, kernel: Kernel, signal?: AbortSignal): Promise<number> {
  const interrupt = (): void => void kernel.interrupt().catch(() => undefined);
  signal?.addEventListener('abort', interrupt);
  const died = kernel.died.then(({ code, signal: by }) => {
    throw new Error(`the kernel ended (${by ?? `exit code ${code}`}); run the script again`);
  });
  died.catch(() => undefined);
  try {
    for (const cell of [async () => prelude, () => text(process.stdin)]) {
      const code = await cell();
      if (code.trim() === '' || signal?.aborted) continue;
      const reply = await Promise.race([kernel.execute(code, { onOutput: print }), died]);
      if (reply.status !== 'ok') return 1;
    }
    return signal?.aborted ? 1 : 0;
  } finally {
    signal?.removeEventListener('abort', interrupt);
    await kernel.shutdown();
  }
}
