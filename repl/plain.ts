/**
 * The plain prompt, for a screen reader or a terminal that can do nothing: the terminal's own line editing, and lines only. Nothing that
 * was printed changes, and nothing has colours.
 */
import { createInterface } from 'node:readline';
import { stripVTControlCharacters } from 'node:util';
import type { Dialogue } from './dialogue.js';
import { lineText } from './line.js';
import { entryLines, promptOf } from './transcript.js';

/** Lines are left to the terminal to wrap, but for tables and messages. */
const WIDTH = 80;

export function printPlainly(dialogue: Dialogue, stdin: NodeJS.ReadStream, stdout: NodeJS.WriteStream): void {
  /** The prompt that stands on the last line. */
  let asked = '';
  const write = (text: string): void => {
    stdout.write(`${asked === '' ? '' : '\n'}${text}`);
    asked = '';
  };
  const ask = (): void => {
    const { kernel, running, waiting, editor, count } = dialogue.scene;
    if (kernel === 'leaving' || running || waiting.length > 0) return;
    const prompt = editor.text === '' ? promptOf(count + 1) : `${'.'.repeat(promptOf(count + 1).length - 1)} `;
    if (kernel !== 'ready' || prompt === asked) return;
    write(prompt);
    asked = prompt;
  };

  dialogue.listen((entries) => {
    for (const entry of entries) {
      const lines = entryLines(entry, stdout.columns || WIDTH).map((line) => stripVTControlCharacters(lineText(line)));
      // What was typed here stands here already; the prelude was not.
      if (entry.kind !== 'input' || !typed.delete(entry.text)) write(lines.map((line) => `${line}\n`).join(''));
    }
  });
  dialogue.watch(ask);

  const typed = new Set<string>();
  const lines = createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY });
  lines.on('line', (line) => {
    asked = '';
    const { editor } = dialogue.scene;
    // An incomplete cell is in the editor, with the indent that was offered: the line has its own.
    const begun = editor.text.replace(/[ \t]*$/, '');
    for (let left = editor.text.length - begun.length; left > 0; left--)
      dialogue.press({ name: 'backspace', text: '' });
    dialogue.press({ name: 'paste', text: line });
    typed.add(`${begun}${line}`.trimEnd());
    dialogue.press({ name: 'enter', text: '' });
    ask();
  });
  lines.on('close', () => dialogue.leave());
  void dialogue.left.then(() => lines.close());
}
