/**
 * Guard pages: a page of poison on either side of a buffer, mapped for the device, so that what it writes past the buffer is found
 * and does no harm. Between the buffer's last byte and the end of its last page there is poison too.
 */
import type { Backend, DmaMemory } from './backend.js';
import { differing, fillWith, patternBytes } from './pattern.js';
import { hex } from './region.js';
import { type CellLike, Shown, VIEW, View } from './view.js';

/** Bytes of poison on either side, at least. */
export const GUARD_SIZE = 4096;
const POISON = patternBytes('poison', 'guard', 'fill');
/** Bytes of a breach that are shown. */
const SHOWN = 16;

/** Bytes of a guard that are no longer poison, one after the other. */
export interface Breach {
  /** Before the buffer's first byte, or after its last. */
  readonly side: 'before' | 'after';
  /** From the buffer's first byte to the first one written: negative before it, its length or more after it. */
  readonly offset: number;
  readonly iova: bigint;
  readonly length: number;
  /** What was written there: the first bytes of it. */
  readonly bytes: Uint8Array;
}

/** What the guards of a buffer say. Data: it does not change. */
export class GuardReport extends Shown {
  /** The buffer's path. */
  readonly path: string;
  /** Whether every byte of poison is as it was. */
  readonly intact: boolean;
  readonly breaches: readonly Breach[];

  constructor(path: string, breaches: readonly Breach[]) {
    super();
    this.path = path;
    this.intact = breaches.length === 0;
    this.breaches = breaches;
  }

  /** One line: 'written before it: 4 bytes at -0x4'. */
  get summary(): string {
    if (this.intact) return 'guards intact';
    const words = this.breaches
      .slice(0, 2)
      .map(({ side, offset, length }) => `${length} bytes ${side} it, at ${signed(offset)}`);
    return `written past: ${words.join('; ')}${this.breaches.length > 2 ? '; and more' : ''}`;
  }

  [VIEW](): View {
    const rows = this.breaches.map(({ side, offset, iova, length, bytes }): CellLike[] => [
      { text: side, tone: 'bad' },
      { text: signed(offset), align: 'right' },
      hex(iova),
      { text: `${length}`, align: 'right' },
      [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ') + (length > bytes.length ? ' …' : ''),
    ]);
    const head = this.intact ? [] : ['side', 'offset', 'iova', 'bytes', 'written'];
    return new View(`${this.path}: ${this.summary}`, head, rows);
  }
}

const signed = (offset: number): string => (offset < 0 ? `-0x${(-offset).toString(16)}` : `+0x${offset.toString(16)}`);

/** The guards of one buffer, mapped. */
export class Guard {
  readonly #backend: Backend;
  readonly #iova: bigint;
  readonly #memories: readonly { readonly memory: DmaMemory; readonly iova: bigint }[];
  /** Where there is poison, as offsets from the buffer's first byte. */
  readonly #zones: readonly { readonly bytes: Uint8Array; readonly offset: number }[];

  /** Maps guards around `memory`, which is mapped at `iova` and of which the device may use the first `length` bytes. */
  constructor(backend: Backend, memory: DmaMemory, iova: bigint, length: number) {
    this.#backend = backend;
    this.#iova = iova;
    const mapped: { memory: DmaMemory; iova: bigint }[] = [];
    this.#memories = mapped;
    try {
      for (const at of [iova - BigInt(GUARD_SIZE), iova + BigInt(memory.size)]) {
        const page = backend.dmaAlloc(GUARD_SIZE, GUARD_SIZE);
        try {
          backend.dmaMap(page, at, { read: true, write: true });
        } catch (error) {
          page.release();
          throw error;
        }
        mapped.push({ memory: page, iova: at });
      }
    } catch (error) {
      this.unmap();
      this.release();
      throw error;
    }
    const [before, after] = mapped;
    this.#zones = [
      { bytes: before?.memory.bytes ?? EMPTY, offset: -GUARD_SIZE },
      { bytes: memory.bytes.subarray(length), offset: length },
      { bytes: after?.memory.bytes ?? EMPTY, offset: memory.size },
    ];
    for (const { bytes } of this.#zones) if (bytes.length > 0) fillWith(bytes, POISON);
  }

  /** What was written into the guards. The poison stays as it is: a second report tells of the same bytes. */
  report(path: string): GuardReport {
    const breaches = this.#zones.flatMap(({ bytes, offset }) =>
      bytes.length === 0
        ? []
        : differing(bytes, POISON).runs.map((run): Breach => {
            const at = offset + run.offset;
            return {
              side: at < 0 ? 'before' : 'after',
              offset: at,
              iova: this.#iova + BigInt(at),
              length: run.length,
              bytes: bytes.slice(run.offset, run.offset + Math.min(run.length, SHOWN)),
            };
          }),
    );
    return new GuardReport(path, breaches);
  }

  unmap(): void {
    for (const { memory, iova } of this.#memories) this.#backend.dmaUnmap(iova, memory.size);
  }

  /** Gives the pages back. After `unmap()`, and after the last report. */
  release(): void {
    for (const { memory } of this.#memories) memory.release();
  }
}

const EMPTY = new Uint8Array(0);
