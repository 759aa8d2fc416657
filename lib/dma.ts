/** DMA buffers: memory that both this process and the device can reach. */
import type { DmaAccess, DmaMemory, Iova } from './backend.js';
import { ClosedError, LabError, UsageError } from './errors.js';
import type { Guard, GuardReport } from './guard.js';
import { Difference, fillWith, type Pattern, patternBytes } from './pattern.js';
import { hex, sizeText } from './region.js';
import { type StructLayout, type StructView, structView } from './struct.js';
import { ownedByThread } from './thread.js';
import { Shown, VIEW, View } from './view.js';

/**
 * The pages that memory is made of: bytes (4096, 2 MiB or 1 GiB) or by name; 'opae' is libopae's policy: 1 GiB pages for more than
 * 2 MiB, 2 MiB pages for more than 4 KiB, else 4 KiB.
 */
export type PageSize = number | '4K' | '2M' | '1G' | 'opae';

export interface DmaOptions {
  /** Default 4096. The buffer's size is rounded up to whole pages. */
  readonly pageSize?: PageSize;
  /** The highest IOVA that the device can drive, as its DMA mask: 0xfff_ffff for 28 bits. Default: 64 bits. */
  readonly mask?: number | bigint;
  /** What the device may do, as seen from the device: 'r', 'w' or 'rw' (default). */
  readonly access?: 'r' | 'w' | 'rw';
  /** Exactly this IOVA, a multiple of 4096. Default: the lowest that is free. */
  readonly iova?: bigint;
  /** What the memory is filled with before it is mapped: a byte, bytes that are repeated, or 'poison' (0xdeadbeef). Default: zeros. */
  readonly fill?: Pattern;
  /**
   * Poison around the buffer, mapped for the device, to find what it writes past the buffer: `buf.check()`. `bytes` are then exactly
   * those asked for; the rest of the last page is poison too.
   */
  readonly guard?: boolean;
}

/** A device wrote past a buffer: found in its guards when it was freed. */
export class GuardError extends LabError {
  override name = 'GuardError';
  readonly report: GuardReport;

  constructor(report: GuardReport) {
    const hint = 'error.report has the bytes; check the length and the address that the device was given';
    super({ path: report.path, attempted: 'free', reason: `the device has ${report.summary}`, hint });
    this.report = report;
  }
}

/** What a buffer is made of; buffers.ts puts it together. */
export interface Parts {
  readonly memory: DmaMemory;
  readonly iova: Iova;
  /** Of the memory, what the user sees. */
  readonly bytes: Uint8Array;
  readonly access: DmaAccess;
  readonly guard: Guard | undefined;
  /** The caller's own memory. */
  readonly borrowed: boolean;
  /** ' (at In[3]:1:13)': where it was made. */
  readonly site: () => string;
  /** Takes the mappings back, and the buffer out of its device's list. */
  readonly unmap: (buffer: DmaBuffer) => void;
}

/** Memory at `bytes` for this process and at `iova` for the device, until `free()` or the device's `close()`. */
export class DmaBuffer extends Shown {
  /** Where the device sees the first byte. */
  readonly iova: Iova;
  /** Bytes that are mapped: whole pages. */
  readonly size: number;
  readonly pageSize: number;
  /** What the device may do, as seen from the device. */
  readonly access: DmaAccess;
  /** Whether it is the caller's own memory, which `free()` unmaps and leaves as it is. */
  readonly borrowed: boolean;
  /** '0000:03:00.0/dma@0x1000'. */
  readonly path: string;
  readonly #parts: Parts;
  #freed = false;

  /** Users come by a DmaBuffer through `dev.dma()`. */
  constructor(path: string, parts: Parts) {
    super();
    this.path = `${path}/dma@${hex(parts.iova)}`;
    this.iova = parts.iova;
    this.size = parts.memory.size;
    this.pageSize = parts.memory.pageSize;
    this.access = parts.access;
    this.borrowed = parts.borrowed;
    this.#parts = parts;
    ownedByThread(this, this.path);
  }

  /**
   * The memory itself, zeroed at first. The device may change it at any time. All `size` bytes; with `guard`, those asked for.
   *
   * @throws ClosedError after `free()`. A view taken earlier stays harmless: it reads zeros (the caller's own memory stays as it is),
   * and never crashes the process.
   * @example new DataView(buf.bytes.buffer).getUint32(0, true)
   */
  get bytes(): Uint8Array {
    this.#checkMapped('bytes');
    return this.#parts.bytes;
  }

  get freed(): boolean {
    return this.#freed;
  }

  /** Whether there is poison around it: `dev.dma(size, { guard: true })`. */
  get guarded(): boolean {
    return this.#parts.guard !== undefined;
  }

  /**
   * Where the device sees a byte of the buffer: an offset in bytes, or a view into `bytes`.
   *
   * @throws UsageError where that is not in the buffer.
   * @example buf.iovaOf(256)
   */
  iovaOf(place: number | Uint8Array): Iova {
    const { bytes } = this.#parts;
    const inside =
      typeof place === 'number' ? place : place.buffer === bytes.buffer ? place.byteOffset - bytes.byteOffset : -1;
    if (!Number.isSafeInteger(inside) || inside < 0 || inside >= bytes.length) {
      const what = typeof place === 'number' ? `offset ${place}` : 'the view';
      throw this.#refusal('iovaOf', `${what} is not in the buffer`, `it has ${bytes.length} bytes`);
    }
    return (this.iova + BigInt(inside)) as Iova;
  }

  /**
   * Writes a pattern over and over: a byte, bytes, or 'poison' (the little-endian word 0xdeadbeef).
   *
   * @param offset bytes, where it begins. @param length bytes; default: to the end.
   * @throws UsageError for what is no pattern, or past the end; ClosedError after `free()`.
   * @example buf.fill('poison')
   */
  fill(pattern: Pattern, offset = 0, length: number = this.bytes.length - offset): void {
    fillWith(this.#part('fill', offset, length), patternBytes(pattern, this.path, 'fill'));
  }

  /**
   * Compares with a pattern: bytes as they are, or a byte or 'poison' over and over. Looks at memory only.
   *
   * @param offset bytes, where it begins. @param length bytes; default: those of `expected`, or to the end where it is a byte or
   * 'poison'. Where it is longer than `expected` that is repeated.
   * @returns what differs: `equal`, `count`, `runs`, and a picture of the first differing rows.
   * @throws UsageError for what is no pattern, or past the end; ClosedError after `free()`.
   * @example buf.compare(expected).equal
   */
  compare(
    expected: Pattern,
    offset = 0,
    length: number = expected instanceof Uint8Array ? expected.length : this.bytes.length - offset,
  ): Difference {
    const pattern = patternBytes(expected, this.path, 'compare');
    return new Difference(this.path, this.#part('compare', offset, length), offset, pattern);
  }

  /**
   * The memory as a struct, little-endian: each field of `layout` by name, to read and to assign. Looks at memory only.
   *
   * @param offset bytes, where the struct begins.
   * @throws UsageError for a field past the end; ClosedError, from then on, after `free()`.
   * @example
   * const command = buf.struct({ opcode: u8(0), nsid: u32(4), prp1: u64(24) }, 64)
   * command.opcode = 0x06
   */
  struct<const L extends StructLayout>(layout: L, offset = 0): StructView<L> {
    return structView(layout, this.#part('struct', offset, this.bytes.length - offset), {
      path: this.path,
      offset,
      check: () => this.#checkMapped('struct'),
    });
  }

  /**
   * What the device wrote past the buffer, as far as the guards show it. It goes on being so: the poison is not put back.
   *
   * @throws UsageError where the buffer has no guards; ClosedError after `free()`.
   * @example buf.check().intact
   */
  check(): GuardReport {
    this.#checkMapped('check');
    const { guard } = this.#parts;
    if (guard === undefined) {
      throw this.#refusal('check', 'the buffer has no guards', 'allocate it with dev.dma(size, { guard: true })');
    }
    return guard.report(this.path);
  }

  /**
   * Unmaps the IOVA, so that the device reaches nothing there any more, and gives the memory back. Freeing twice is allowed.
   *
   * @throws GuardError where the device wrote into the guards; the buffer is freed all the same.
   */
  free(): void {
    if (this.#freed) return;
    const { guard, memory, unmap } = this.#parts;
    unmap(this);
    this.#freed = true;
    // Unmapped, so that it is the last word.
    const report = guard?.report(this.path);
    guard?.release();
    memory.release();
    if (report !== undefined && !report.intact) throw new GuardError(report);
  }

  [Symbol.dispose](): void {
    this.free();
  }

  /** Where it was made: ' (at In[3]:1:13)'. */
  get site(): string {
    return this.#parts.site();
  }

  /** Whether it has the byte at an IOVA, or the whole of a view of its memory. */
  has(where: bigint | Uint8Array): boolean {
    if (typeof where === 'bigint') return this.iova <= where && where < this.iova + BigInt(this.size);
    const { bytes } = this.#parts.memory;
    const inside = where.byteOffset - bytes.byteOffset;
    return where.buffer === bytes.buffer && inside >= 0 && inside + where.length <= bytes.length;
  }

  [VIEW](): View {
    const { read, write } = this.access;
    const rights = read && write ? '' : read ? ', the device reads only' : ', the device writes only';
    const pages = this.borrowed ? "the caller's memory" : `${sizeText(this.pageSize)} pages`;
    const state = this.#freed
      ? ({ text: 'freed', tone: 'bad' } as const)
      : ({ text: `${pages}${rights}${this.guarded ? ', guarded' : ''}`, tone: 'dim' } as const);
    return new View(
      '',
      [],
      [[{ text: this.path, tone: 'name' }, `iova ${hex(this.iova)}`, sizeText(this.size), state]],
    );
  }

  #part(attempted: string, offset: number, length: number): Uint8Array {
    const { bytes } = this;
    if (Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0) {
      if (offset + length <= bytes.length) return bytes.subarray(offset, offset + length);
    }
    const reason = `${String(length)} bytes at ${String(offset)} are not in the buffer`;
    throw this.#refusal(attempted, reason, `it has ${bytes.length} bytes`);
  }

  #checkMapped(attempted: string): void {
    if (!this.#freed) return;
    const reason = 'the buffer was freed';
    throw new ClosedError({ path: this.path, attempted, reason, hint: 'allocate a new one with dev.dma(size)' });
  }

  #refusal(attempted: string, reason: string, hint: string): UsageError {
    return new UsageError({ path: this.path, attempted, reason, hint });
  }
}
