/**
 * The plain prompt, for a screen reader or a terminal that can do nothing: the terminal's own line editing, and lines only. Nothing that
 * was printed changes, and nothing has colours.
 */
import { createInterface } from 'node:readline';
import { stripVTControlCharacters } from 'node:util';
import type { Question } from '../kernel/client.js';
import type { Dialogue } from './dialogue.js';
import { lineText } from './line.js';
import { echo } from './question.js';
import { type Entry, entryLines, promptOf } from './transcript.js';
import { trouble } from './trouble.js';

/** Lines are left to the terminal to wrap, but for tables and messages. */
const WIDTH = 80;

export function printPlainly(dialogue: Dialogue, stdin: NodeJS.ReadStream, stdout: NodeJS.WriteStream): void {
  /** The prompt that stands on the last line. */
  let asked = '';
  let entering = false;
  /** The terminal does not show what is typed. */
  let hidden = false;
  const question = ({ prompt, password }: Question): void => {
    if (asked === prompt) return;
    write(prompt);
    asked = prompt;
    hidden = password;
    if (hidden) echo(false);
  };
  const write = (text: string): void => {
    stdout.write(`${asked === '' ? '' : '\n'}${text}`);
    asked = '';
  };
  const ask = (): void => {
    if (dialogue.scene.asked) {
      question(dialogue.scene.asked.question);
      return;
    }
    if (hidden) echo(true);
    hidden = false;
    const { kernel, running, waiting, editor, count } = dialogue.scene;
    if (entering || kernel === 'leaving' || running || waiting.length > 0) return;
    const prompt = editor.text === '' ? promptOf(count + 1) : `${'.'.repeat(promptOf(count + 1).length - 1)} `;
    if (kernel !== 'ready' || prompt === asked) return;
    write(prompt);
    asked = prompt;
  };

  const say = (entry: Entry): void => {
    const lines = entryLines(entry, stdout.columns || WIDTH).map((line) => stripVTControlCharacters(lineText(line)));
    // What was typed here stands here already; the prelude was not.
    if (entry.kind === 'text' && entry.asked) return;
    if (entry.kind !== 'input' || !typed.delete(entry.text)) write(lines.map((line) => `${line}\n`).join(''));
  };
  dialogue.listen((entries) => {
    entries.forEach(say);
    // After what came late, too.
    ask();
  });
  // What goes on beside the cells is said when it begins and when it ends; what changes, cell by cell.
  const pinned = new Set<string>();
  dialogue.watch(() => {
    for (const { id, entry, kept } of dialogue.scene.panels) {
      if (!kept || pinned.has(id)) continue;
      pinned.add(id);
      say(entry);
    }
    ask();
  });
  let wrong: string | undefined;
  const tell = (): void => {
    const found = trouble(dialogue.scene, Date.now());
    if (found && found.kind !== wrong) write(`${found.text}\n`);
    wrong = found?.kind;
  };
  dialogue.watch(() => {
    // After what is said of it.
    setImmediate(tell);
  });

  const typed = new Set<string>();
  const lines = createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY });
  lines.on('line', (line) => {
    asked = '';
    if (dialogue.scene.asked) {
      if (hidden) stdout.write('\n');
      dialogue.answer(line);
      return;
    }
    // An incomplete cell is in the editor, with the indent that was offered: the line has its own.
    const text = (dialogue.scene.editor.text.replace(/[ \t]*$/, '') + line).trimEnd();
    typed.add(text);
    entering = true;
    if (dialogue.scene.kernel === 'dead') dialogue.start();
    if (text.trim() !== '') dialogue.enter(text);
    entering = false;
    ask();
  });
  lines.on('close', () => dialogue.leave());
  void dialogue.left.then(() => {
    if (hidden) echo(true);
    lines.close();
    write('');
  });
}
