/** Lines as text for a terminal: looks become SGR sequences, and what a cell printed keeps its own colours and loses the rest. */
// biome-ignore-all lint/suspicious/noControlCharactersInRegex: control characters are what this is about
import type { WriteStream } from 'node:tty';
import { SGR } from '../lib/print.js';
import type { Line, Look } from './line.js';

const LOOKS: Readonly<Record<Look, string>> = {
  ...SGR,
  error: '31',
  title: '1',
  head: '2',
  prompt: '1;34',
  selected: '7',
  keyword: '35',
  string: '32',
  number: '33',
  comment: '2;3',
  match: '1;4',
  suggestion: '2',
};

/** Control sequences (ECMA-48 5.4), control strings (5.6) and other escapes; then lone control characters. */
const CONTROL =
  /\x1b\[[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[\x20-\x2f]*[\x30-\x7e]|[^\P{Cc}\n\t]/gu;
const COLOUR = /^\x1b\[[\d:;]*m$/;

/** `text` without what would move the cursor or change the terminal: of its control sequences only colours stay, if those are wanted. */
export function harmless(text: string, colours: boolean): string {
  if (!/[^\P{Cc}\n\t]/u.test(text)) return text;
  const clean = text.replace(CONTROL, (found) => (colours && COLOUR.test(found) ? found : ''));
  return clean.includes('\x1b') ? `${clean}\x1b[0m` : clean;
}

/** Whether a terminal is to get colours: NO_COLOR, FORCE_COLOR and TERM decide, as for node's own output. */
export const wantsColours = (stdout: WriteStream): boolean => stdout.getColorDepth() > 1;

export function paint(line: Line, colours: boolean): string {
  return line
    .map(({ text, look }) => {
      const clean = harmless(text, colours);
      return colours && LOOKS[look] !== '' && clean !== '' ? `\x1b[${LOOKS[look]}m${clean}\x1b[0m` : clean;
    })
    .join('');
}
