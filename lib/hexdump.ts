/** A hexdump as a View: 64-bit addresses, groups of 1, 2, 4 or 8 bytes, an ASCII column, `*` for repeated rows. */
import { hexy } from 'hexy';
import type { Width } from './backend.js';
import { UsageError } from './errors.js';
import { type CellLike, View } from './view.js';

export interface HexdumpOptions {
  /** What stands in the address column of the first byte: an offset or an IOVA. Default 0. */
  readonly base?: number | bigint;
  /** Bits in a group; groups are little-endian numbers, as the device's registers are. Default 8: bytes in order. */
  readonly width?: Width;
  /** Default 'hexdump'. */
  readonly title?: string;
  /** Bytes that were not read, and are shown as such. Default: all were. */
  readonly unread?: readonly Stretch[];
}

/** So many bytes from an offset on. */
export interface Stretch {
  readonly offset: number;
  readonly length: number;
}

const ROW = 16;

/**
 * Shows bytes. Reads memory only, never the device; dump a region with `region.dump(offset, length)`.
 *
 * @throws UsageError for a width other than 8, 16, 32, 64.
 * @example
 * hexdump(buf.bytes.subarray(0, 64), { base: buf.iova, width: 32 })
 */
export function hexdump(bytes: Uint8Array, options: HexdumpOptions = {}): View {
  const { base = 0, width = 8, title = '', unread = [] } = options;
  if (![8, 16, 32, 64].includes(width)) {
    throw new UsageError({ path: 'hexdump', attempted: 'show', reason: `width ${width}`, hint: 'use 8, 16, 32 or 64' });
  }
  const start = BigInt(base);
  const digits = start + BigInt(bytes.length) > 0x1_0000_0000n ? 16 : 8;
  const address = (offset: number) => (start + BigInt(offset)).toString(16).padStart(digits, '0');
  // hexy 0.4 decodes a plain Uint8Array as UTF-8 and loses bytes above 0x7f, a Buffer it shows as it is; and a copy holds still
  // while a device writes to the memory.
  const copy = Buffer.from(bytes);
  const text =
    copy.length === 0
      ? []
      : hexy(copy, { bytesPerLine: ROW, bytesPerGroup: width / 8, littleEndian: width > 8, showAddress: false }).split(
          '\n',
        );
  const rows: CellLike[][] = [];
  let previous = '';
  let starred = false;
  for (let offset = 0; offset < copy.length; offset += ROW) {
    const length = Math.min(ROW, copy.length - offset);
    const line = blanked(text[offset / ROW] ?? '', offset, length, width, unread);
    const hex = line.slice(0, -length).trimEnd();
    const last = offset + ROW >= copy.length;
    if (hex === previous && !last) {
      if (!starred) rows.push([{ text: '*', tone: 'dim' }]);
      starred = true;
      continue;
    }
    starred = false;
    previous = hex;
    rows.push([{ text: address(offset), tone: 'dim' }, hex, { text: line.slice(-length), tone: 'dim' }]);
  }
  return new View(title, [], rows);
}

/** A row with dashes for what was not read: each group that has a byte of it. */
function blanked(line: string, row: number, length: number, width: Width, unread: readonly Stretch[]): string {
  if (unread.length === 0) return line;
  const missing = (at: number) => unread.some(({ offset, length }) => at >= offset && at < offset + length);
  let at = row;
  const hex = line.slice(0, -length).replace(/[0-9a-f]+/g, (group) => {
    const bytes = Array.from({ length: width / 8 }, () => at++);
    return bytes.some(missing) ? '-'.repeat(group.length) : group;
  });
  return hex + [...line.slice(-length)].map((character, index) => (missing(row + index) ? ' ' : character)).join('');
}
