/** What may take the whole screen: the pager, the browser. It is shown on the terminal's other screen, so that the transcript stays. */
import type { Key } from './keys.js';
import type { Line } from './line.js';

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface FullScreen {
  /** At most `size.rows` lines of at most `size.columns` columns. */
  lines(size: Size): readonly Line[];
  /** Where the terminal's cursor is among them; default: at the beginning of the last line. */
  cursor?(size: Size): { readonly x: number; readonly y: number };
  /** The state after a key; undefined: it is left. */
  press(key: Key, size: Size): FullScreen | undefined;
}
