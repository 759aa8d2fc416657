/**
 * Config spaces as text, the way `lspci -x`, `-xxx` and `-xxxx` write them: a line with the slot, then rows of sixteen bytes, then an
 * empty line. What else stands among them (lspci's decoded text) is skipped.
 */
import { UsageError } from '../errors.js';
import { slotParts } from './filter.js';
import { hex } from './words.js';

/** One function of a dump. */
export interface DumpedFunction {
  /** As it is written: '01:00.0', '0000:01:00.0'. */
  readonly slot: string;
  /** From offset 0 to the last byte that the dump has. */
  readonly bytes: Uint8Array;
}

const SLOT = /^((?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])(?:\s|$)/i;
const ROW = /^([0-9a-f]{2,8}): ?((?:[0-9a-f]{2} )*[0-9a-f]{2})\s*$/i;
const LARGEST = 4096;

/**
 * Reads a dump of any number of functions.
 *
 * @throws UsageError where the text has no function in it, or a row lies past 4096 bytes.
 */
export function parseDump(text: string, path = 'dump'): readonly DumpedFunction[] {
  const functions: { slot: string; bytes: number[] }[] = [];
  text.split('\n').forEach((line, index) => {
    const slot = SLOT.exec(line)?.[1];
    if (slot !== undefined) {
      functions.push({ slot: slot.toLowerCase(), bytes: [] });
      return;
    }
    const [, offset, row = ''] = ROW.exec(line) ?? [];
    const current = functions.at(-1);
    if (offset === undefined || current === undefined) return;
    const at = Number.parseInt(offset, 16);
    const bytes = row.split(' ').map((byte) => Number.parseInt(byte, 16));
    if (at + bytes.length > LARGEST || at > current.bytes.length) {
      const reason = at > current.bytes.length ? 'bytes before it are missing' : 'config space ends at 0xfff';
      const hint = 'lspci -xxxx writes such a file';
      throw new UsageError({ path: `${path}:${index + 1}`, attempted: 'read a row', reason, hint });
    }
    current.bytes.splice(at, bytes.length, ...bytes);
  });
  const found = functions.filter(({ bytes }) => bytes.length > 0);
  if (found.length === 0) {
    const hint = 'a dump is what lspci -x, -xxx or -xxxx prints';
    throw new UsageError({ path, attempted: 'read a dump', reason: 'no function with bytes in it', hint });
  }
  return found.map(({ slot, bytes }) => ({ slot, bytes: Uint8Array.from(bytes) }));
}

/**
 * In lspci's order, and called as lspci calls them: with their domains where any is of another than 0, else without.
 *
 * @example listed([{ slot: '0000:02:00.0' }, { slot: '01:00.0' }])   // 01:00.0, 02:00.0
 */
export function listed<T extends { readonly slot: string }>(functions: readonly T[]): readonly T[] {
  const placed = functions.map((one) => ({ one, parts: slotParts(one.slot) }));
  placed.sort((a, b) => a.parts.map((part, index) => part - (b.parts[index] ?? 0)).find((order) => order !== 0) ?? 0);
  const withDomain = placed.some(({ parts }) => parts[0] !== 0);
  return placed.map(({ one, parts: [domain = 0, bus = 0, device = 0, number = 0] }) => {
    const slot = `${hex(bus, 2)}:${hex(device, 2)}.${number}`;
    return { ...one, slot: withDomain ? `${hex(domain, 4)}:${slot}` : slot };
  });
}

/** The same form back; `lspci -F` reads it. `title` follows the slot. */
export function dumpText(slot: string, bytes: Uint8Array, title = 'config space'): string {
  const lines = [`${slot} ${title}`];
  for (let at = 0; at < bytes.length; at += 16) {
    lines.push(`${hex(at, 2)}: ${Array.from(bytes.subarray(at, at + 16), (byte) => hex(byte, 2)).join(' ')}`);
  }
  return `${lines.join('\n')}\n\n`;
}
