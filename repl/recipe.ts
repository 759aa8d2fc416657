/** Recipes in and out of the prompt: a session as a notebook, and a notebook or a .ts file as cells. */
import { readFileSync } from 'node:fs';
import { NOTEBOOK_METADATA } from '../kernel/info.js';
import { SystemError } from '../lib/errors.js';
import { type Notebook, type NotebookCell, OutputRecorder, readNotebook, textOf } from './notebook.js';
import type { Ran } from './cells.js';

/** What the session's device is: its spec and, where sysfs or a simulator tells, 'vendor:device'. */
export interface Origin {
  readonly device: string;
  readonly id: string | undefined;
}

/** The cells that ran, with their outputs, as a notebook that runs in Jupyter and by `vfiolab run`. */
export function notebookOf(ran: readonly Ran[], origin: Origin | undefined): Notebook {
  const recorder = new OutputRecorder();
  const cells = ran.map(({ number, text, outputs }): NotebookCell => {
    const cell = { cell_type: 'code', execution_count: number, id: `cell-${number}`, metadata: {}, source: text };
    recorder.begin(cell);
    for (const output of outputs) recorder.add(output);
    return cell;
  });
  const { device, id } = origin ?? {};
  const vfiolab = { device, ...(id === undefined ? {} : { id }) };
  const metadata = { ...NOTEBOOK_METADATA, ...(origin && { vfiolab }) };
  return { cells, metadata, nbformat: 4, nbformat_minor: 5 };
}

/** The cells that `chosen` names, as '2-4,7'; all where it is empty. Undefined for what is no such list. */
export function choice(ran: readonly Ran[], chosen: string): readonly Ran[] | undefined {
  if (chosen === '') return ran;
  const numbers = new Set<number>();
  for (const part of chosen.split(',')) {
    const [, first, last = first] = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part) ?? [];
    if (first === undefined) return undefined;
    for (const { number } of ran) if (number >= Number(first) && number <= Number(last)) numbers.add(number);
  }
  return ran.filter(({ number }) => numbers.has(number));
}

/** What begins a cell in a .ts file, as in other editors' notebooks in plain text. */
const CELL = /^\/\/ ?%%.*\n?/m;

/** The cells of a notebook, or of a .ts file, which is one cell unless lines of `// %%` part it. @throws SystemError, UsageError. */
export function cellsOf(file: string): string[] {
  const cells = file.endsWith('.ipynb')
    ? readNotebook(file)
        .cells.filter(({ cell_type }) => cell_type === 'code')
        .map(({ source }) => textOf(source))
    : readSource(file).split(CELL);
  return cells.map((cell) => cell.trimEnd()).filter((cell) => cell.trim() !== '');
}

function readSource(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code;
    const hint = 'check the path and its permissions';
    throw new SystemError({ path: file, attempted: 'read', reason: 'the file cannot be read', errno, hint, cause });
  }
}
