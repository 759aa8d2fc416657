/**
 * A script: cells behind the prelude, from the command line or from standard input, their outputs as plain text. No Ink, no colours. Exit code 1
 * where a cell fails; what follows it is not run.
 */
import { createInterface, type Interface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { Output, Question } from '../kernel/client.js';
import { echo, END } from './question.js';
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

/** The lines of standard input, for what cells ask; none where the script itself was there. */
class Lines {
  #input: Interface | undefined;
  #lines: AsyncIterator<string> | undefined;

  async next(): Promise<string | undefined> {
    if (process.stdin.readableEnded) return undefined;
    this.#input ??= createInterface({ input: process.stdin });
    this.#lines ??= this.#input[Symbol.asyncIterator]();
    const { value, done } = await this.#lines.next();
    return done ? undefined : value;
  }

  close(): void {
    this.#input?.close();
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
  const lines = new Lines();
  const onQuestion = async ({ prompt, password }: Question): Promise<void> => {
    process.stderr.write(prompt);
    if (password) echo(false);
    const line = await lines.next();
    if (password) echo(true);
    if (password || !process.stdin.isTTY) process.stderr.write('\n');
    kernel.answer(line ?? END);
  };
  try {
    for (const cell of cells) {
      const code = cell ?? (await text(process.stdin));
      if (code.trim() === '' || signal.aborted) continue;
      const reply = await Promise.race([kernel.execute(code, { onOutput: print, onQuestion }), died]);
      if (reply.status !== 'ok') return 1;
    }
    return signal.aborted ? 1 : 0;
  } finally {
    signal.removeEventListener('abort', interrupt);
    lines.close();
    await kernel.leave();
  }
}
