/** `vfiolab notebook clean`. */
import { readFileSync } from 'node:fs';
import { clean } from '../clean.js';
import { notebookText, parseNotebook, readNotebook, writeNotebook } from '../notebook.js';
import type { Call } from './command.js';
import { printLine } from './output.js';

/** Rewrites the notebooks that are not clean. With --check none is, and 1 says that there are such. */
export async function cleanNotebooks(call: Call): Promise<number> {
  const outputs = !call.flags.has('outputs');
  let unclean = 0;
  for (const file of call.operands) {
    if (file === '-') {
      process.stdout.write(notebookText(clean(parseNotebook(readFileSync(0, 'utf8'), 'standard input'), { outputs })));
      continue;
    }
    const notebook = clean(readNotebook(file), { outputs });
    if (notebookText(notebook) === readFileSync(file, 'utf8')) continue;
    unclean++;
    if (call.flags.has('check')) printLine(`${file} is not clean`);
    else {
      writeNotebook(file, notebook);
      printLine(`${file} is cleaned`);
    }
  }
  return call.flags.has('check') && unclean > 0 ? 1 : 0;
}
