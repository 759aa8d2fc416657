/** A mapped part of a region. Offsets are the region's; each access is guarded, and a fault is a result. */
import type { Width } from '../backend.js';
import type { Mmio } from '../native.js';

/** Every bit of a register set. */
export const ONES = { 8: 0xff, 16: 0xffff, 32: 0xffff_ffff, 64: 0xffff_ffff_ffff_ffffn } as const;

export class Window {
  /** Where its first byte is in this process. */
  readonly at: number;
  /** Offsets from `first` up to `end` are in it. */
  readonly first: number;
  readonly end: number;
  /** Called before a read returns all-ones, which is what a card answers that is not there any more. It may throw. */
  onOnes: (offset: number, width: Width) => void = () => {};
  /** undefined: it faulted. */
  readonly read: (offset: number, width: Width) => number | bigint | undefined;
  /** true: it faulted. */
  readonly write: (offset: number, width: Width, value: number | bigint) => boolean;
  /** How many accesses were made: if not all, the next one faulted. */
  readonly readBlock: (offset: number, width: Width, into: Uint8Array) => number;
  readonly writeBlock: (offset: number, width: Width, from: Uint8Array) => number;

  constructor(mmio: Mmio, at: number, first: number, size: number) {
    this.at = at;
    this.first = first;
    this.end = first + size;
    // Closures over a constant: a third faster than reading the base from a field.
    const base = at - first;
    const { read8, read16, read32, read64, write8, write16, write32, write64 } = mmio;
    this.read = (offset, width) => {
      if (width === 64) {
        const value = read64(base + offset);
        if (value === ONES[64]) this.onOnes(offset, width);
        return value;
      }
      if (width === 32) {
        const value = read32(base + offset);
        // Compared where its type is known: that costs next to nothing.
        if (value === 0xffff_ffff) this.onOnes(offset, width);
        return value >= 0 ? value : undefined;
      }
      const value = width === 16 ? read16(base + offset) : read8(base + offset);
      if (value === ONES[width]) this.onOnes(offset, width);
      return value >= 0 ? value : undefined;
    };
    this.write = (offset, width, value) => {
      if (width === 32) return write32(base + offset, value as number);
      if (width === 64) return write64(base + offset, value as bigint);
      return (width === 16 ? write16 : write8)(base + offset, value as number);
    };
    this.readBlock = (offset, width, into) => mmio.readBlock(base + offset, width, into);
    this.writeBlock = (offset, width, from) => mmio.writeBlock(base + offset, width, from);
  }
}
