/** The completion menu: what Tab found for the text before the cursor, and how it changes the text. */
import type { Completion } from '../kernel/client.js';
import { type Editor, replace } from './editor.js';

export interface Menu {
  readonly matches: Completion['matches'];
  /** Index into `matches`; -1: none chosen yet. */
  readonly chosen: number;
  /** The editor as it was before anything was chosen. */
  readonly typed: Editor;
  /** text[start, end) of `typed` is what a match replaces. */
  readonly start: number;
  readonly end: number;
}

/** The longest text that all of `texts` begin with. */
export function commonPrefix(texts: readonly string[]): string {
  const [first = '', ...others] = texts;
  let length = first.length;
  for (const text of others) {
    while (!text.startsWith(first.slice(0, length))) length--;
  }
  return first.slice(0, length);
}

/** What comes of an answer: the editor, with whatever is certain filled in, and a menu where there is still a choice. */
export function offer(editor: Editor, found: Completion): { editor: Editor; menu: Menu | undefined } {
  const { start, end } = found;
  const typed = editor.text.slice(start, end);
  const begun = found.matches.filter(({ text }) => text.startsWith(typed));
  const matches = begun.length > 0 ? begun : found.matches;
  const prefix = commonPrefix(matches.map(({ text }) => text));
  const filled =
    prefix.length > typed.length && prefix.startsWith(typed) ? replace(editor, start, end, prefix) : editor;
  const [first] = matches;
  if (!first) return { editor, menu: undefined };
  if (matches.length === 1) return { editor: replace(editor, start, end, first.text), menu: undefined };
  return { editor: filled, menu: { matches, chosen: -1, typed: filled, start, end: Math.max(end, filled.cursor) } };
}

/** The menu with the next (1) or previous (-1) match chosen, and the editor with it in its place. */
export function choose(menu: Menu, by: -1 | 1): { editor: Editor; menu: Menu } {
  const count = menu.matches.length;
  const chosen = menu.chosen < 0 && by < 0 ? count - 1 : (menu.chosen + by + count) % count;
  const text = menu.matches[chosen]?.text ?? '';
  return { editor: replace(menu.typed, menu.start, menu.end, text), menu: { ...menu, chosen } };
}
