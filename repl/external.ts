/** The user's own editor: $VISUAL, else $EDITOR, else vi, on a text in a temporary file. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * The text as the editor left it. The terminal must be the editor's meanwhile.
 *
 * @throws Error where the editor does not start, or ends with another exit code than 0: then the text is not to be used.
 */
export async function editInEditor(text: string): Promise<string> {
  const editor = process.env.VISUAL || process.env.EDITOR || 'vi';
  const folder = mkdtempSync(join(tmpdir(), 'vfiolab-edit-'));
  try {
    const file = join(folder, 'cell.ts');
    writeFileSync(file, `${text}\n`);
    // By a shell, as git does: the variable may hold options.
    const child = spawn('sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' });
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    if (code !== 0) throw new Error(`${editor} ended with ${signal ?? `exit code ${code}`}; nothing was changed`);
    return readFileSync(file, 'utf8').trimEnd();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
