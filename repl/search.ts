/** Ctrl-R: looking for a cell of the history that contains what is typed, newest first; the next Ctrl-R goes on to an older one. */
import { type Editor, withText } from './editor.js';
import type { Key } from './keys.js';

export interface Search {
  /** The editor when it began. */
  readonly before: Editor;
  /** Oldest first. */
  readonly cells: readonly string[];
  readonly query: string;
  /** Index of the cell that is shown; `cells.length` before the first one was found. */
  readonly index: number;
  /** Nothing (more) contains the query. */
  readonly failed: boolean;
}

export const begin = (cells: readonly string[], before: Editor): Search => {
  return { before, cells, query: '', index: cells.length, failed: false };
};

/** The first cell from `from` on, in steps of `by`, that contains the query. */
function find(search: Search, query: string, from: number, by: -1 | 1): Search {
  const { cells } = search;
  for (let index = from; query !== '' && index >= 0 && index < cells.length; index += by) {
    if (cells[index]?.includes(query)) return { ...search, query, index, failed: false };
  }
  return { ...search, query, failed: query !== '' };
}

/** The search after a key; undefined where the key ends it. */
export function searched(search: Search, key: Key): Search | undefined {
  const { query, index, cells } = search;
  switch (key.name) {
    case 'text':
    case 'paste':
      return find(search, query + key.text, Math.min(index, cells.length - 1), -1);
    case 'backspace':
    case 'C-h':
      return find({ ...search, index: cells.length }, [...query].slice(0, -1).join(''), cells.length - 1, -1);
    case 'C-r':
      return find(search, query, index - 1, -1);
    case 'C-s':
      return find(search, query, index + 1, 1);
    default:
      return undefined;
  }
}

/** The editor with the cell that is shown, the cursor where the query stands in it; undefined before one was found. */
export function found({ before, cells, index, query }: Search): Editor | undefined {
  const text = cells[index];
  return text === undefined ? undefined : withText(before, text, Math.max(0, text.indexOf(query)));
}
