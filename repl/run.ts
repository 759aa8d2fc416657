/**
 * `vfiolab run`: executes a notebook without Jupyter, cell by cell through a kernel process of its own, and records the outputs
 * as Jupyter would. What is shown on the way goes to standard error.
 */
import { dirname, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { KernelClient } from '../kernel/client.js';
import { SystemError } from '../lib/errors.js';
import type { Call } from './commands/command.js';
import { clean } from './clean.js';
import { printLine } from './commands/output.js';
import {
  type Notebook,
  type NotebookCell,
  notebookText,
  OutputRecorder,
  outputText,
  readNotebook,
  checkWritable,
  textOf,
  writeNotebook,
} from './notebook.js';

export async function run(call: Call): Promise<number> {
  const [file = ''] = call.operands;
  const device = fromHere(call.values.get('device') ?? process.env.VFIOLAB_DEVICE);
  const out = call.values.get('output');
  const asJson = call.flags.has('json');
  const notebook = clean(readNotebook(file));
  const parameters = call.lists.get('parameter') ?? [];
  if (parameters.length > 0) (await import('./parameters.js')).inject(notebook, parameters, file);
  if (out !== undefined) checkWritable(out);

  const client = await KernelClient.start({
    cwd: dirname(resolve(file)),
    ...(device === undefined ? {} : { env: { VFIOLAB_DEVICE: device } }),
  });
  const interrupt = () => void client.interrupt().catch(() => undefined);
  call.signal.addEventListener('abort', interrupt, { once: true });
  try {
    const show = out === undefined && !asJson ? (cell: NotebookCell) => printLine(cellText(cell)) : () => undefined;
    return await execute(client, notebook, file, call.signal, show);
  } finally {
    call.signal.removeEventListener('abort', interrupt);
    await client.shutdown();
    if (out !== undefined) writeNotebook(out, notebook);
    if (asJson) printLine(notebookText(notebook));
  }
}

/** The notebook runs in its own folder; the file of a dump or a recording is named from this one. */
function fromHere(spec: string | undefined): string | undefined {
  const [, scheme, file] = /^(dump|record|replay):(.*)$/s.exec(spec ?? '') ?? [];
  return scheme === undefined || file === undefined ? spec : `${scheme}:${resolve(file)}`;
}

/** Runs the code cells in order up to the first that fails. Outputs of an earlier run are gone first. */
async function execute(
  client: KernelClient,
  notebook: Notebook,
  file: string,
  signal: AbortSignal,
  show: (cell: NotebookCell) => void,
): Promise<number> {
  const recorder = new OutputRecorder();
  for (const cell of notebook.cells)
    if (cell.cell_type === 'code') Object.assign(cell, { outputs: [], execution_count: null });

  const total = notebook.cells.filter(isRunnable).length;
  let number = 0;
  for (const cell of notebook.cells) {
    if (!isRunnable(cell)) {
      show(cell);
      continue;
    }
    signal.throwIfAborted();
    number++;
    recorder.begin(cell);
    const source = textOf(cell.source);
    const reply = await client.execute(source, { onOutput: (output) => recorder.add(output) }).catch((cause: Error) => {
      const hint = 'run the cells one by one at the prompt to see which one ends it';
      throw new SystemError({ path: file, attempted: `cell ${number}`, reason: cause.message, hint, cause });
    });
    cell.execution_count = reply.count;
    show(cell);
    const place = `${file}: cell ${number} of ${total}`;
    if (reply.status === 'ok') {
      process.stderr.write(`${place}: ok\n`);
    } else {
      const expected = cell.metadata.tags?.includes('raises-exception') ?? false;
      process.stderr.write(
        `${place}: ${expected ? 'failed, as expected' : 'failed'}: ${reply.ename}: ${reply.evalue}\n`,
      );
      if (!expected) return 1;
    }
  }
  return 0;
}

function isRunnable(cell: NotebookCell): boolean {
  return cell.cell_type === 'code' && textOf(cell.source).trim() !== '';
}

/** A cell and its outputs as plain text. */
function cellText(cell: NotebookCell): string {
  const source = textOf(cell.source);
  if (cell.cell_type !== 'code') return `${source}\n\n`;
  const outputs = (cell.outputs ?? []).map((output) =>
    stripVTControlCharacters(outputText(output)).replace(/\n?$/, '\n'),
  );
  return `In [${cell.execution_count ?? ' '}]:\n${source.replace(/^/gm, '  ')}\n\n${outputs.join('')}${outputs.length > 0 ? '\n' : ''}`;
}
