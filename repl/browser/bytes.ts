/** What a browser has seen: bytes by blocks of 16, how each of them was come by, and what it was at the look before. Never changed, only replaced. */
import type { BrowsedField, Part } from '../../kernel/client.js';

export const BLOCK = 16;
/** More blocks than these are not remembered. */
const REMEMBERED = 2048;

/** Of a byte. `kept`: reading changes it, and this is what it was when it was asked for. */
export const UNSEEN = 0;
export const KNOWN = 1;
export const KEPT = 2;
export const UNREAD = 3;
export const FAILED = 4;

interface Block {
  readonly bytes: Uint8Array;
  readonly states: Uint8Array;
  /** Bytes and states as they were at the look before. */
  readonly before: Uint8Array;
  readonly were: Uint8Array;
}

/** One number of so many bits, as it stands on the screen. */
export interface Item {
  readonly value: bigint;
  /** The worst of its bytes. */
  readonly state: number;
  /** What it was at the look before, where that is known and another. */
  readonly before: bigint | undefined;
}

export interface Look {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly unread: readonly Part[];
  readonly failed: readonly Part[];
}

export const blockOf = (offset: number): number => offset - (offset % BLOCK);

/** The blocks that have a byte of [from, to). */
export function* blocksIn(from: number, to: number): Generator<number> {
  for (let at = blockOf(from); at < to; at += BLOCK) yield at;
}

/** A one for each byte of `length` that is in one of the parts. */
export function partsOf(parts: readonly Part[], length: number): Uint8Array {
  const mask = new Uint8Array(length);
  for (const [from, size] of parts) mask.fill(1, from, from + size);
  return mask;
}

export class Seen {
  readonly #blocks: ReadonlyMap<number, Block>;

  constructor(blocks: ReadonlyMap<number, Block> = new Map()) {
    this.#blocks = blocks;
  }

  #byte(offset: number): { byte: number; state: number; before: number; was: number } {
    const block = this.#blocks.get(blockOf(offset));
    const at = offset % BLOCK;
    return {
      byte: block?.bytes[at] ?? 0,
      state: block?.states[at] ?? UNSEEN,
      before: block?.before[at] ?? 0,
      was: block?.were[at] ?? UNSEEN,
    };
  }

  byte(offset: number): { readonly byte: number; readonly state: number } {
    return this.#byte(offset);
  }

  /** The number of `length` bytes at `offset`. */
  item(offset: number, length: number, big: boolean): Item {
    let [value, before] = [0n, 0n];
    let [state, was] = [KNOWN, KNOWN];
    for (let n = 0; n < length; n++) {
      const byte = this.#byte(offset + (big ? n : length - 1 - n));
      value = (value << 8n) | BigInt(byte.byte);
      before = (before << 8n) | BigInt(byte.before);
      // Nothing is known of a number of which a byte was not seen.
      state = state === UNSEEN || byte.state === UNSEEN ? UNSEEN : Math.max(state, byte.state);
      was = was === UNSEEN || byte.was === UNSEEN ? UNSEEN : Math.max(was, byte.was);
    }
    const known = (one: number) => one === KNOWN || one === KEPT;
    return { value, state, before: known(state) && known(was) && before !== value ? before : undefined };
  }

  /**
   * With what was read. `anew`: a look of its own, what was seen before it is the look before; else one more of the same look, as at a
   * rate, by which what has changed since the look before stays marked. `asked`: it was asked for though reading may change it.
   */
  with({ offset, bytes, unread, failed }: Look, anew: boolean, asked = false): Seen {
    const blocks = new Map(this.#blocks);
    const [left, faulty] = [partsOf(unread, bytes.length), partsOf(failed, bytes.length)];
    for (const start of blocksIn(offset, offset + bytes.length)) {
      const old = blocks.get(start);
      const next = {
        bytes: old?.bytes.slice() ?? new Uint8Array(BLOCK),
        states: old?.states.slice() ?? new Uint8Array(BLOCK),
        before: old?.before.slice() ?? new Uint8Array(BLOCK),
        were: old?.were.slice() ?? new Uint8Array(BLOCK),
      };
      for (let at = Math.max(start, offset); at < Math.min(start + BLOCK, offset + bytes.length); at++) {
        const n = at - start;
        const was = next.states[n] ?? UNSEEN;
        if (anew || next.were[n] === UNSEEN) {
          next.before[n] = next.bytes[n] ?? 0;
          next.were[n] = was;
        }
        if (left[at - offset]) next.states[n] = was === KNOWN || was === KEPT ? KEPT : UNREAD;
        else if (faulty[at - offset]) next.states[n] = FAILED;
        else {
          next.bytes[n] = bytes[at - offset] ?? 0;
          next.states[n] = asked ? KEPT : KNOWN;
        }
        // The first look of all has none before it.
        if (next.were[n] === UNSEEN) {
          next.before[n] = next.bytes[n] ?? 0;
          next.were[n] = next.states[n] ?? UNSEEN;
        }
      }
      blocks.delete(start);
      blocks.set(start, next);
    }
    for (const start of blocks.keys()) {
      if (blocks.size <= REMEMBERED) break;
      blocks.delete(start);
    }
    return new Seen(blocks);
  }

  /** As if this were the look before. */
  unmarked(): Seen {
    const blocks = new Map<number, Block>();
    for (const [start, { bytes, states }] of this.#blocks)
      blocks.set(start, { bytes, states, before: bytes, were: states });
    return new Seen(blocks);
  }
}

/** The bits of a field. */
export const bitsOf = ({ msb, lsb }: BrowsedField, value: bigint): bigint =>
  (value >> BigInt(lsb)) & ((1n << BigInt(msb - lsb + 1)) - 1n);
