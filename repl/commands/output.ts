/** What commands print on standard output: a View, or JSON. */
import { toAnsi, toText } from '../../lib/print.js';
import type { View } from '../../lib/view.js';
import { coloursOf } from '../palette.js';

export function printView(view: View): void {
  const colours = process.stdout.isTTY && coloursOf(process.stdout) !== false;
  printLine(colours ? toAnsi(view) : toText(view));
}

/** Numbers stay numbers; bigints (64-bit values, IOVAs) become hex strings, whatever their size. */
export function printJson(data: unknown): void {
  printLine(JSON.stringify(data, (_key, value) => (typeof value === 'bigint' ? hexOf(value, 64) : value), 2));
}

export function printLine(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

/** '0x0000001f': all digits of the width. */
export function hexOf(value: number | bigint, width: number): string {
  return `0x${value.toString(16).padStart(width / 4, '0')}`;
}
