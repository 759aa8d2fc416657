/**
 * A script: cells behind the prelude, from the command line or from standard input, their outputs as plain text. No Ink, no colours. Exit code 1
 * where a cell fails; what follows it is not run.
 */
import { text } from 'node:stream/consumers';
import type { Output } from '../kernel/client.js';
import { plainText } from './transcript.js';
import type { Kernel } from './work.js';

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

/** Runs the cells in a kernel, which it leaves. `undefined` among them stands for the text on standard input. */
export async function runScript(
  kernel: Kernel,
  cells: readonly (string | undefined)[],
  signal: AbortSignal,
): Promise<number> {
  const interrupt = (): void => void kernel.interrupt().catch(() => undefined);
  signal.addEventListener('abort', interrupt);
  const died = kernel.died.then(({ code, signal: by, how }) => {
    throw new Error(`the kernel ended (${how ?? by ?? `exit code ${code}`}); run the script again`);
  });
  died.catch(() => undefined);
  try {
    for (const cell of cells) {
      const code = cell ?? (await text(process.stdin));
      if (code.trim() === '' || signal.aborted) continue;
      const reply = await Promise.race([kernel.execute(code, { onOutput: print }), died]);
      if (reply.status !== 'ok') return 1;
    }
    return signal.aborted ? 1 : 0;
  } finally {
    signal.removeEventListener('abort', interrupt);
    await kernel.leave();
  }
}
