/**
 * The editor: a pure state machine over the text being typed. `edit(editor, key)` is the next state; keys that are not about editing
 * (Enter, Tab, Ctrl-C, history beyond the first and last line) give undefined and are the caller's.
 */
import type { Key } from './keys.js';

export interface Editor {
  readonly text: string;
  /** UTF-16 offset into `text`, always between two graphemes. */
  readonly cursor: number;
  /** What Ctrl-Y gives back. */
  readonly killed: string;
  /** The key before this one killed text: the next kill adds to it. */
  readonly killing: boolean;
  /** The column that vertical motion aims for, as long as it goes on. */
  readonly column: number | undefined;
}

export const EMPTY: Editor = { text: '', cursor: 0, killed: '', killing: false, column: undefined };

/** The same kill buffer with another text, cursor at its end. */
export const withText = (editor: Editor, text: string, cursor = text.length): Editor => ({
  ...editor,
  text,
  cursor,
  killing: false,
  column: undefined,
});

/** `replacement` in the place of text[start, end), cursor behind it. */
export const replace = (editor: Editor, start: number, end: number, replacement: string): Editor =>
  withText(editor, editor.text.slice(0, start) + replacement + editor.text.slice(end), start + replacement.length);

export const insert = (editor: Editor, text: string): Editor => replace(editor, editor.cursor, editor.cursor, text);

const lineStart = (text: string, at: number): number => text.lastIndexOf('\n', at - 1) + 1;
const lineEnd = (text: string, at: number): number => {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
};

let segmenter: Intl.Segmenter | undefined;

/** The graphemes of a text: what the cursor steps over. */
export function graphemes(text: string): string[] {
  if (/^[\x20-\x7e\n\t]*$/.test(text)) return text.split('');
  segmenter ??= new Intl.Segmenter();
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

function before({ text, cursor }: Editor): number {
  const start = lineStart(text, cursor);
  if (cursor === start) return Math.max(0, cursor - 1);
  return cursor - (graphemes(text.slice(start, cursor)).at(-1)?.length ?? 0);
}

function after({ text, cursor }: Editor): number {
  const end = lineEnd(text, cursor);
  if (cursor === end) return Math.min(text.length, cursor + 1);
  return cursor + (graphemes(text.slice(cursor, end))[0]?.length ?? 0);
}

const wordBefore = ({ text, cursor }: Editor): number =>
  cursor - (/[\p{L}\p{N}_$]*[^\p{L}\p{N}_$]*$/u.exec(text.slice(0, cursor))?.[0].length ?? 0);
const wordAfter = ({ text, cursor }: Editor): number =>
  cursor + (/^[^\p{L}\p{N}_$]*[\p{L}\p{N}_$]*/u.exec(text.slice(cursor))?.[0].length ?? 0);
const blankBefore = ({ text, cursor }: Editor): number =>
  cursor - (/\S*\s*$/.exec(text.slice(0, cursor))?.[0].length ?? 0);

/** To the end of the line; at the end of it, over the line break. */
const restOfLine = ({ text, cursor }: Editor): number => {
  const end = lineEnd(text, cursor);
  return end === cursor ? Math.min(text.length, cursor + 1) : end;
};

const move =
  (to: (editor: Editor) => number) =>
  (editor: Editor): Editor => ({
    ...editor,
    cursor: to(editor),
    killing: false,
    column: undefined,
  });

const erase =
  (to: (editor: Editor) => number) =>
  (editor: Editor): Editor => {
    const other = to(editor);
    return replace(editor, Math.min(other, editor.cursor), Math.max(other, editor.cursor), '');
  };

const kill =
  (to: (editor: Editor) => number) =>
  (editor: Editor): Editor => {
    const other = to(editor);
    const [start, end] = [Math.min(other, editor.cursor), Math.max(other, editor.cursor)];
    const text = editor.text.slice(start, end);
    const kept = editor.killing ? editor.killed : '';
    const killed = other < editor.cursor ? text + kept : kept + text;
    return { ...replace(editor, start, end, ''), killed: killed || editor.killed, killing: true };
  };

/** A line up (-1) or down (1), towards the column where this motion began; undefined at the first and last line. */
const vertical =
  (by: -1 | 1) =>
  (editor: Editor): Editor | undefined => {
    const { text, cursor } = editor;
    const start = lineStart(text, cursor);
    const column = editor.column ?? graphemes(text.slice(start, cursor)).length;
    const end = lineEnd(text, cursor);
    if (by < 0 ? start === 0 : end === text.length) return undefined;
    const target = by < 0 ? lineStart(text, start - 1) : end + 1;
    const line = graphemes(text.slice(target, lineEnd(text, target)));
    return { ...editor, cursor: target + line.slice(0, column).join('').length, killing: false, column };
  };

const forward = erase(after);
const backward = erase(before);
const home = move(({ text, cursor }) => lineStart(text, cursor));
const end = move(({ text, cursor }) => lineEnd(text, cursor));
const up = vertical(-1);
const down = vertical(1);

/** Readline's Emacs keys, and the ones on the keyboard. */
const BINDINGS: Readonly<Record<string, (editor: Editor) => Editor | undefined>> = {
  left: move(before),
  right: move(after),
  'C-b': move(before),
  'C-f': move(after),
  'M-b': move(wordBefore),
  'M-f': move(wordAfter),
  'C-left': move(wordBefore),
  'C-right': move(wordAfter),
  'M-left': move(wordBefore),
  'M-right': move(wordAfter),
  home,
  'C-a': home,
  end,
  'C-e': end,
  'M-<': move(() => 0),
  'M->': move(({ text }) => text.length),
  up,
  down,
  'C-p': up,
  'C-n': down,
  backspace: backward,
  'C-h': backward,
  delete: forward,
  'C-d': forward,
  'C-k': kill(restOfLine),
  'C-u': kill(({ text, cursor }) => lineStart(text, cursor)),
  'C-w': kill(blankBefore),
  'M-backspace': kill(wordBefore),
  'M-d': kill(wordAfter),
  'C-y': (editor) => insert(editor, editor.killed),
  'M-enter': (editor) => insert(editor, '\n'),
};

/** A pasted text as it is kept: LF line ends, no control characters but tabs, no line end at its end. */
export const pasted = (text: string): string =>
  text
    .replace(/\r\n?/g, '\n')
    .replace(/[^\P{Cc}\n\t]/gu, '')
    .replace(/\n$/, '');

/** The next state, or undefined where `key` is not (or not here) an editing key. */
export function edit(editor: Editor, key: Key): Editor | undefined {
  if (key.name === 'text') return insert(editor, key.text);
  if (key.name === 'paste') return insert(editor, pasted(key.text));
  return BINDINGS[key.name]?.(editor);
}
