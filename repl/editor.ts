/**
 * The editor: a pure state machine over the text being typed. `edit(editor, key)` is the next state; keys that are not about editing
 * (Enter, Tab, Ctrl-C, history beyond the first and last line) give undefined and are the caller's.
 */
import type { Key } from './keys.js';

/** A text as it was before a change. */
interface Past {
  readonly text: string;
  readonly cursor: number;
  readonly before: Past | undefined;
}

/** What the key before this one did, where the next one may go on with it. */
type Doing =
  | { readonly kill: true }
  | { readonly type: true }
  | { readonly yank: number }
  | { readonly column: number };

export interface Editor {
  readonly text: string;
  /** UTF-16 offset into `text`, always between two graphemes. */
  readonly cursor: number;
  /** The kill ring, newest first: what Ctrl-Y and Alt-Y give back. */
  readonly kills: readonly string[];
  /** What Ctrl-_ goes back to. */
  readonly past: Past | undefined;
  readonly doing: Doing | undefined;
}

export const EMPTY: Editor = { text: '', cursor: 0, kills: [], past: undefined, doing: undefined };

/** Kills that are remembered. */
const RING = 60;

/** Another text, cursor at its end; the text before it can be had back. */
export const withText = (editor: Editor, text: string, cursor = text.length): Editor => ({
  ...editor,
  text,
  cursor,
  past: text === editor.text ? editor.past : { text: editor.text, cursor: editor.cursor, before: editor.past },
  doing: undefined,
});

/** A new, empty text: only the kill ring stays. */
export const emptied = ({ kills }: Editor): Editor => ({ ...EMPTY, kills });

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
    doing: undefined,
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
    if (text === '') return editor;
    const { kills, doing } = editor;
    const [newest = '', ...older] = kills;
    const ring =
      doing && 'kill' in doing ? [other < editor.cursor ? text + newest : newest + text, ...older] : [text, ...kills];
    return { ...replace(editor, start, end, ''), kills: ring.slice(0, RING), doing: { kill: true } };
  };

const yank = (editor: Editor): Editor => {
  const { kills, cursor } = editor;
  return { ...insert(editor, kills[0] ?? ''), doing: { yank: cursor } };
};

/** The next older kill in the place of the one that was given back; the ring turns. */
const yankOlder = (editor: Editor): Editor => {
  const { kills, doing, cursor, past } = editor;
  const [newest, ...older] = kills;
  if (!doing || !('yank' in doing) || newest === undefined) return editor;
  const ring = [...older, newest];
  return { ...replace(editor, doing.yank, cursor, ring[0] ?? ''), past, kills: ring, doing };
};

const undo = (editor: Editor): Editor => {
  const { past } = editor;
  return past ? { ...editor, text: past.text, cursor: past.cursor, past: past.before, doing: undefined } : editor;
};

/** The grapheme before the cursor changes places with the one at it, or with the one before at the end of a line. */
const transpose = (editor: Editor): Editor => {
  const { text, cursor } = editor;
  const atEnd = cursor === lineEnd(text, cursor);
  const middle = atEnd ? before(editor) : cursor;
  const start = before({ ...editor, cursor: middle });
  const stop = after({ ...editor, cursor: middle });
  if (start === middle || middle === stop || text.slice(start, stop).includes('\n')) return editor;
  return replace(editor, start, stop, text.slice(middle, stop) + text.slice(start, middle));
};

/** The word before the cursor changes places with the one at or behind it. */
const transposeWords = (editor: Editor): Editor => {
  const { text } = editor;
  const end = wordAfter(editor);
  const second = wordBefore({ ...editor, cursor: end });
  const first = wordBefore({ ...editor, cursor: second });
  const one = /^[\p{L}\p{N}_$]+/u.exec(text.slice(first))?.[0] ?? '';
  if (one === '' || first + one.length > second) return editor;
  const between = text.slice(first + one.length, second);
  return replace(editor, first, end, text.slice(second, end) + between + one);
};

const recase =
  (change: (word: string) => string) =>
  (editor: Editor): Editor => {
    const end = wordAfter(editor);
    return replace(editor, editor.cursor, end, change(editor.text.slice(editor.cursor, end)));
  };
const capital = (word: string): string => word.toLowerCase().replace(/[\p{L}\p{N}_$]/u, (first) => first.toUpperCase());

/** A line up (-1) or down (1), towards the column where this motion began; undefined at the first and last line. */
const vertical =
  (by: -1 | 1) =>
  (editor: Editor): Editor | undefined => {
    const { text, cursor } = editor;
    const start = lineStart(text, cursor);
    const { doing } = editor;
    const column = doing && 'column' in doing ? doing.column : graphemes(text.slice(start, cursor)).length;
    const end = lineEnd(text, cursor);
    if (by < 0 ? start === 0 : end === text.length) return undefined;
    const target = by < 0 ? lineStart(text, start - 1) : end + 1;
    const line = graphemes(text.slice(target, lineEnd(text, target)));
    return { ...editor, cursor: target + line.slice(0, column).join('').length, doing: { column } };
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
  'C-y': yank,
  'M-y': yankOlder,
  'C-t': transpose,
  'M-t': transposeWords,
  'M-u': recase((word) => word.toUpperCase()),
  'M-l': recase((word) => word.toLowerCase()),
  'M-c': recase(capital),
  'C-_': undo,
  'M-enter': (editor) => insert(editor, '\n'),
};

/** A pasted text as it is kept: LF line ends, no control characters but tabs, no line end at its end. */
export const pasted = (text: string): string =>
  text
    .replace(/\r\n?/g, '\n')
    .replace(/[^\P{Cc}\n\t]/gu, '')
    .replace(/\n$/, '');

/** Typed text: what is typed in a row, up to the next word, is one step for Ctrl-_. */
function type(editor: Editor, text: string): Editor {
  const next = { ...insert(editor, text), doing: { type: true } as const };
  const goesOn = editor.doing && 'type' in editor.doing && !(text.startsWith(' ') && !/\s$/.test(editor.text));
  return goesOn ? { ...next, past: editor.past } : next;
}

/** The next state, or undefined where `key` is not (or not here) an editing key. */
export function edit(editor: Editor, key: Key): Editor | undefined {
  if (key.name === 'text') return type(editor, key.text);
  if (key.name === 'paste') return insert(editor, pasted(key.text));
  return BINDINGS[key.name]?.(editor);
}
