/** The transcript: what has been said, as entries that are written once; and how a kernel's outputs become such. */
import type { MimeBundle, Output } from '../kernel/client.js';
import type { ViewData } from '../lib/view.js';
import { highlight } from './highlight.js';
import { fold, type Line, type Look, span, splitLines, visible } from './line.js';
import { table } from './table.js';

export type Entry =
  /** `other`: another front end's. */
  | { readonly kind: 'input'; readonly number: number; readonly text: string; readonly other?: true }
  /** From a cell: may have colours of its own. `result`: what it evaluated to or displayed, not what it printed. `asked`: a question, and what was answered. */
  | { readonly kind: 'text'; readonly text: string; readonly result?: true; readonly asked?: true }
  | { readonly kind: 'view'; readonly view: ViewData }
  | { readonly kind: 'error'; readonly text: string }
  /** The prompt itself speaking. */
  | { readonly kind: 'note'; readonly text: string; readonly bad?: boolean };

export interface Heard {
  readonly entries: readonly Entry[];
  /** The line of output that has begun and not ended. */
  readonly partial: string;
}

/** An unfinished line longer than this is not waited for. */
const PARTIAL_AT_MOST = 4096;

/** A line as a terminal would leave it: a carriage return begins it anew. */
export const settle = (line: string): string => line.replace(/\r+$/, '').replace(/^.*\r/s, '');

/** Ends an unfinished line. */
export const finish = (partial: string): Entry[] =>
  settle(partial) === '' ? [] : [{ kind: 'text', text: settle(partial) }];

/** The plain text of a MIME bundle: a string, or nbformat's list of lines. */
export function plainText(data: MimeBundle): string {
  const text = data['text/plain'];
  return Array.isArray(text) ? text.join('') : typeof text === 'string' ? text : `(${Object.keys(data).join(', ')})`;
}

/** An integer in decimal and in hex; other texts as they are. */
function withHex(text: string): string {
  const [, digits] = /^(\d{2,})n?$/.exec(text) ?? [];
  return digits === undefined ? text : `${text} (0x${BigInt(digits).toString(16)})`;
}

/** A longer result is folded to its first lines. */
const LONG = 60;
const FOLDED = 20;

/** What is folded when it is long: results, not what was printed. */
export const isResult = (entry: Entry): boolean =>
  entry.kind === 'view' || (entry.kind === 'text' && entry.result === true);

/** What a result or a display looks like. */
export function shownEntry({ view, data }: { readonly view?: ViewData; readonly data: MimeBundle }): Entry {
  return view ? { kind: 'view', view } : { kind: 'text', text: withHex(plainText(data)), result: true };
}

/** What one more output of the kernel's adds, behind the unfinished line `partial`. */
export function hear(partial: string, output: Output): Heard {
  switch (output.type) {
    case 'stream': {
      const ended = (partial + output.text).split('\n');
      const rest = ended.pop() ?? '';
      const entries: Entry[] = ended.length > 0 ? [{ kind: 'text', text: ended.map(settle).join('\n') }] : [];
      return rest.length > PARTIAL_AT_MOST
        ? { entries: [...entries, ...finish(rest)], partial: '' }
        : { entries, partial: rest };
    }
    case 'result':
    case 'display':
    case 'update': {
      return { entries: [...finish(partial), shownEntry(output)], partial: '' };
    }
    case 'error': {
      const text = output.traceback.length > 0 ? output.traceback.join('\n') : `${output.ename}: ${output.evalue}`;
      return { entries: [...finish(partial), { kind: 'error', text }], partial: '' };
    }
    case 'clear':
      return { entries: [], partial };
  }
}

/** The prompt before a cell's first line; the lines below are indented as far. */
export const promptOf = (number: number): string => `${number}> `;

const message = (text: string, look: Look, width: number): Line[] =>
  text.split('\n').flatMap((line) => fold(line, width).map((part) => [span(part, look)]));

/** An entry's lines as the transcript has them: a long result is folded. */
export function entryLines(entry: Entry, width: number): Line[] {
  const lines = allLines(entry, width);
  if (lines.length <= LONG || !isResult(entry)) return lines;
  return [...lines.slice(0, FOLDED), [span(`… ${lines.length - FOLDED} more lines: Ctrl-O shows all`, 'dim')]];
}

/** All lines of an entry: tables and messages are laid out for `width`; what a cell printed is left to the terminal to wrap. */
export function allLines(entry: Entry, width: number): Line[] {
  switch (entry.kind) {
    case 'view':
      return table(entry.view, width);
    case 'input': {
      const prompt = `${entry.other ? 'other ' : ''}${promptOf(entry.number)}`;
      const indent = ' '.repeat(prompt.length);
      return splitLines(highlight(entry.text)).map((line, y) => [
        span(y === 0 ? prompt : indent, entry.other ? 'dim' : 'prompt'),
        ...line.map(({ text, look }) => span(visible(text), look)),
      ]);
    }
    case 'text':
      return entry.text.split('\n').map((line) => [span(line)]);
    case 'error':
      return message(entry.text.trimEnd(), 'error', width);
    case 'note':
      return message(entry.text, entry.bad ? 'warn' : 'dim', width);
  }
}
