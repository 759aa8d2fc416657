/**
 * A question of a cell's, `input()`: it has a line of its own in the place of the one being typed, which comes back behind it. An answer
 * is not remembered, nor completed; a password is not shown.
 */
import { spawnSync } from 'node:child_process';
import type { Question } from '../kernel/client.js';
import { EMPTY, type Editor, edit } from './editor.js';
import type { Key } from './keys.js';

export interface Asked {
  readonly question: Question;
  readonly editor: Editor;
}

/** What answers for "there is none", as other front ends send it: Ctrl-D on an empty line. */
export const END = '\x04';

export const asked = (question: Question): Asked => ({ question, editor: EMPTY });

/** After a key: the line as it is then, or the answer. */
export function answered(state: Asked, key: Key): Asked | string {
  const { editor } = state;
  if (key.name === 'enter') return editor.text;
  if (key.name === 'C-d' && editor.text === '') return END;
  return { ...state, editor: edit(editor, key) ?? editor };
}

/** The last line of a question, which the answer stands behind; and those before it. */
export function parts({ prompt }: Question): { readonly before: string; readonly label: string } {
  const at = prompt.lastIndexOf('\n') + 1;
  return { before: prompt.slice(0, Math.max(0, at - 1)), label: prompt.slice(at) };
}

/** What the transcript has of it. */
export const told = ({ prompt, password }: Question, answer: string): string =>
  `${prompt}${password || answer === END ? '' : answer}`;

/** Whether the terminal itself shows what is typed, where it does the editing. */
export function echo(on: boolean): void {
  if (process.stdin.isTTY) spawnSync('stty', [on ? 'echo' : '-echo'], { stdio: ['inherit', 'ignore', 'ignore'] });
}
