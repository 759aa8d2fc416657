/** Lines as text for a terminal: looks become SGR sequences, and what a cell printed keeps its own colours and loses the rest. */
// biome-ignore-all lint/suspicious/noControlCharactersInRegex: control characters are what this is about
import type { Line } from './line.js';
import { adapted, type Colours, sgr } from './palette.js';

/** Control sequences (ECMA-48 5.4), control strings (5.6) and other escapes; then lone control characters. */
const CONTROL =
  /\x1b\[[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[\x20-\x2f]*[\x30-\x7e]|[^\P{Cc}\n\t]/gu;
const COLOUR = /^\x1b\[([\d:;]*)m$/;

/** `text` without what would move the cursor or change the terminal: of its control sequences only colours stay, as far as there are any. */
export function harmless(text: string, colours: Colours): string {
  if (!/[^\P{Cc}\n\t]/u.test(text)) return text;
  const clean = text.replace(CONTROL, (found) => {
    const parameters = colours && COLOUR.exec(found)?.[1];
    return typeof parameters === 'string' ? `\x1b[${adapted(parameters, colours)}m` : '';
  });
  return clean.includes('\x1b') ? `${clean}\x1b[0m` : clean;
}

export function paint(line: Line, colours: Colours): string {
  return line
    .map(({ text, look }) => {
      const clean = harmless(text, colours);
      const parameters = sgr(look, colours);
      return parameters !== '' && clean !== '' ? `\x1b[${parameters}m${clean}\x1b[0m` : clean;
    })
    .join('');
}
