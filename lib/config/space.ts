/** The bytes of a config space: 64, 256 or 4096 of them, or as many as somebody could read. Little-endian; nothing is read outside. */

export interface Space {
  readonly bytes: Uint8Array;
  /** How errors and values name it: '0000:03:00.0/config'. */
  readonly path: string;
  /** '01:00.0', where it is known. */
  readonly slot?: string;
}

/** Device 0, function 0 of its bus. */
export const isFirstFunction = ({ slot }: Space): boolean => slot === undefined || slot.endsWith(':00.0');

/** Of the header, what all layouts share. */
export const IDENTITY_SIZE = 16;
/** The header; without its end there is nothing to decode. */
export const HEADER_SIZE = 64;
/** The header of a CardBus bridge. */
export const CARDBUS_SIZE = 128;
/** The space of conventional PCI; extended capabilities lie behind it. */
export const CONVENTIONAL_SIZE = 256;

/** Are `length` bytes from `offset` there? */
export function fits(space: Space, offset: number, length: number): boolean {
  return offset >= 0 && offset + length <= space.bytes.length;
}

/** An unsigned little-endian number of 8, 16 or 32 bits; a bigint for 64. @throws RangeError outside the bytes. */
export function wordAt(space: Space, offset: number, width: 8 | 16 | 32): number;
export function wordAt(space: Space, offset: number, width: 8 | 16 | 32 | 64): number | bigint;
export function wordAt(space: Space, offset: number, width: 8 | 16 | 32 | 64): number | bigint {
  if (!fits(space, offset, width / 8)) throw new RangeError(`${width} bits at 0x${offset.toString(16)} are not there`);
  const at = (index: number) => space.bytes[offset + index] ?? 0;
  if (width === 8) return at(0);
  if (width === 16) return at(0) | (at(1) << 8);
  if (width === 32) return (at(0) | (at(1) << 8) | (at(2) << 16) | (at(3) << 24)) >>> 0;
  return (BigInt(wordAt(space, offset + 4, 32)) << 32n) | BigInt(wordAt(space, offset, 32));
}

/** Does the header say that it is a PCI-to-PCI bridge's? */
export const isBridge = (space: Space): boolean => (wordAt(space, 0x0e, 8) & 0x7f) === 1;

/** Does it say that it is a device's? */
export const isDevice = (space: Space): boolean => (wordAt(space, 0x0e, 8) & 0x7f) === 0;
