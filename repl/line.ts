/**
 * A line of the screen before it has colours: spans of text that each say how they look. Widths are counted in terminal columns.
 */
import stringWidth from 'string-width';
import type { Tone } from '../lib/view.js';
import { graphemes } from './editor.js';

export type Look =
  | Tone
  | 'error'
  | 'title'
  | 'head'
  | 'prompt'
  | 'selected'
  | 'keyword'
  | 'string'
  | 'number'
  | 'comment'
  | 'match'
  | 'suggestion';

export interface Span {
  readonly text: string;
  readonly look: Look;
}

export type Line = readonly Span[];

export const span = (text: string, look: Look = 'plain'): Span => ({ text, look });

/** So many answers are remembered: at each key all of the text is laid out, and nearly all of it is as it was. */
const REMEMBERED = 4096;

function remembered<T>(answers: Map<string, T>, question: string, find: () => T): T {
  const known = answers.get(question);
  if (known !== undefined) return known;
  if (answers.size >= REMEMBERED) answers.clear();
  const found = find();
  answers.set(question, found);
  return found;
}

const widths = new Map<string, number>();
const chopped = new Map<string, readonly string[]>();

/** Columns that a text takes. */
export const columns = (text: string): number =>
  /^[\x20-\x7e]*$/.test(text) ? text.length : remembered(widths, text, () => stringWidth(text));

/** A text without what would move the cursor: a tab is two columns, other control characters show as a dot. */
export const visible = (text: string): string => text.replace(/\t/g, '  ').replace(/\p{Cc}/gu, '·');

/** `text` in pieces of at most `width` columns, at least one piece; a grapheme is never cut. */
export function chop(text: string, width: number): readonly string[] {
  if (columns(text) <= width) return [text];
  return remembered(chopped, `${width} ${text}`, () => cut(text, width));
}

function cut(text: string, width: number): string[] {
  const pieces: string[] = [];
  let piece = '';
  let used = 0;
  for (const grapheme of graphemes(text)) {
    const wide = columns(grapheme);
    if (used + wide > width && piece !== '') {
      pieces.push(piece);
      piece = '';
      used = 0;
    }
    piece += grapheme;
    used += wide;
  }
  pieces.push(piece);
  return pieces;
}

/** `text` in pieces of at most `width` columns, broken at spaces where there are some. */
export function fold(text: string, width: number): string[] {
  if (columns(text) <= width) return [text];
  const pieces: string[] = [];
  let piece = '';
  for (const word of text.match(/\S+\s*|\s+/g) ?? []) {
    if (piece !== '' && columns(piece) + columns(word.trimEnd()) > width) {
      pieces.push(piece.trimEnd());
      piece = '';
    }
    const parts = chop(word, width);
    pieces.push(...parts.slice(0, -1));
    piece += parts.at(-1) ?? '';
  }
  pieces.push(piece.trimEnd());
  return pieces;
}

/** `text` in at most `width` columns: what is left out shows as an ellipsis. */
export function fit(text: string, width: number): string {
  if (columns(text) <= width) return text;
  return width < 1 ? '' : `${chop(text, width - 1)[0] ?? ''}…`;
}

/** Pads to `width` columns. */
export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const space = ' '.repeat(Math.max(0, width - columns(text)));
  return align === 'right' ? space + text : text + space;
}

/** The text of a line alone. */
export const lineText = (line: Line): string => line.map(({ text }) => text).join('');

/** The spans of text[start, end) of a line. */
export function slice(line: Line, start: number, end: number): Line {
  const spans: Span[] = [];
  let at = 0;
  for (const { text, look } of line) {
    const part = text.slice(Math.max(0, start - at), Math.max(0, end - at));
    if (part !== '') spans.push(span(part, look));
    at += text.length;
  }
  return spans;
}

/** A line whose text has line breaks, as lines. */
export function splitLines(line: Line): Line[] {
  let last: Span[] = [];
  const lines: Line[] = [last];
  for (const { text, look } of line) {
    for (const [index, part] of text.split('\n').entries()) {
      if (index > 0) {
        last = [];
        lines.push(last);
      }
      if (part !== '') last.push(span(part, look));
    }
  }
  return lines;
}

/** A line in pieces of at most `width` columns, at least one piece; what would move the cursor is made visible. */
export function wrap(line: Line, width: number): Line[] {
  const shown = line.map(({ text, look }) => span(visible(text), look));
  let at = 0;
  return chop(lineText(shown), width).map((text) => {
    const start = at;
    at += text.length;
    return slice(shown, start, at);
  });
}
