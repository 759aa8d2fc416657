/** Looking for bytes in all of a region, a chunk at a time, from a place on and around its end. What was not read matches nothing. */
import { type Look, partsOf } from './bytes.js';

const CHUNK = 8192;

interface State {
  readonly needle: Uint8Array;
  readonly by: -1 | 1;
  readonly size: number;
  /** The next place where it may begin. */
  readonly at: number;
  /** Places that are left. */
  readonly left: number;
}

export class Hunt {
  readonly #state: State;

  private constructor(state: State) {
    this.#state = state;
  }

  /** @param from the first place to look at */
  static begin(needle: Uint8Array, from: number, by: -1 | 1, size: number): Hunt {
    return new Hunt({ needle, by, size, at: ((from % size) + size) % size, left: size });
  }

  get at(): number {
    return this.#state.at;
  }

  /** The places of this chunk: [first, end). */
  #places(): { first: number; end: number } {
    const { at, by, left, size } = this.#state;
    const count = Math.min(CHUNK, left);
    return by > 0
      ? { first: at, end: Math.min(size, at + count) }
      : { first: Math.max(0, at + 1 - count), end: at + 1 };
  }

  /** What is to be read next, in whole accesses of `step` bytes. */
  chunk(step: number): { readonly offset: number; readonly length: number } {
    const { needle, size } = this.#state;
    const { first, end } = this.#places();
    const offset = first - (first % step);
    const last = Math.min(size - (size % step), Math.ceil((end + needle.length - 1) / step) * step);
    return { offset, length: Math.max(0, last - offset) };
  }

  /** Where it is, or the hunt that goes on; undefined where it is nowhere. */
  heard({ offset, bytes, unread, failed }: Look): number | Hunt | undefined {
    const { needle, by, size, left } = this.#state;
    const { first, end } = this.#places();
    const blind = partsOf([...unread, ...failed], bytes.length);
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const find = (from: number): number =>
      by > 0 ? text.indexOf(needle, from) : from < 0 ? -1 : text.lastIndexOf(needle, from);
    for (let found = find(by > 0 ? first - offset : end - 1 - offset); found >= 0; found = find(found + by)) {
      const place = offset + found;
      if (place < first || place >= end) break;
      if (!blind.subarray(found, found + needle.length).includes(1)) return place;
    }
    const rest = left - (end - first);
    if (rest <= 0) return undefined;
    const at = by > 0 ? end % size : (first - 1 + size) % size;
    return new Hunt({ ...this.#state, at, left: rest });
  }
}
