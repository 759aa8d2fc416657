/** The DMA buffers of one device: allocated or the caller's own, mapped, found again, and taken back at the end. */
import type { Backend, DmaAccess, DmaMemory, Iova } from './backend.js';
import { callSite } from './caller.js';
import { DmaBuffer, type DmaOptions, GuardError, type PageSize } from './dma.js';
import { SystemError, UsageError } from './errors.js';
import { GUARD_SIZE, Guard, type GuardReport } from './guard.js';
import type { IovaSpace } from './iova.js';
import { fillWith, patternBytes } from './pattern.js';
import { hex, sizeText } from './region.js';
import { type CellLike, Shown, VIEW, View } from './view.js';

const PAGE = 4096;
const MiB2 = 2 * 1024 * 1024;
const GiB = 1024 * 1024 * 1024;
const PAGE_SIZES: readonly PageSize[] = [PAGE, MiB2, GiB];
const BY_NAME: Readonly<Record<string, number>> = { '4K': PAGE, '2M': MiB2, '1G': GiB };
const ALL = 0xffff_ffff_ffff_ffffn;

const ACCESS: Readonly<Record<string, DmaAccess>> = {
  r: { read: true, write: false },
  w: { read: false, write: true },
  rw: { read: true, write: true },
};

/** A buffer that was still mapped when its device was closed. */
export interface Leak {
  readonly path: string;
  readonly iova: Iova;
  /** Bytes. */
  readonly size: number;
  /** Where it was made: '(at In[3]:1:13)'; '' where that cannot be told. */
  readonly site: string;
  /** What its guards said, where the device wrote past it. */
  readonly guard: GuardReport | undefined;
}

/** What `dev.close()` found still mapped, and took back. */
export class Leaks extends Shown {
  readonly buffers: readonly Leak[];
  readonly #path: string;

  constructor(path: string, buffers: readonly Leak[]) {
    super();
    this.#path = path;
    this.buffers = buffers;
  }

  [VIEW](): View {
    const count = this.buffers.length;
    const rows = this.buffers.map(({ iova, size, site, guard }): CellLike[] => [
      { text: `iova ${hex(iova)}`, tone: 'name' },
      { text: sizeText(size), align: 'right' },
      { text: site, tone: 'dim' },
      guard === undefined ? '' : { text: guard.summary, tone: 'bad' },
    ]);
    return new View(`${this.#path}: ${count} ${count === 1 ? 'buffer was' : 'buffers were'} still mapped`, [], rows);
  }
}

export class Buffers {
  readonly #backend: Backend;
  readonly #space: IovaSpace;
  readonly #all = new Set<DmaBuffer>();

  constructor(backend: Backend, space: IovaSpace) {
    this.#backend = backend;
    this.#space = space;
  }

  get list(): readonly DmaBuffer[] {
    return [...this.#all];
  }

  at(where: bigint | Uint8Array): DmaBuffer | undefined {
    for (const buffer of this.#all) if (buffer.has(where)) return buffer;
    return undefined;
  }

  /** Memory of `what` bytes, or the caller's; `dev.dma()` says what it throws. */
  map(what: number | Uint8Array, options: DmaOptions): DmaBuffer {
    const { access = 'rw', fill, guard = false } = options;
    const rights = ACCESS[access];
    if (rights === undefined) {
      throw this.#refusal(`access '${String(access)}'`, "use 'r', 'w' or 'rw': what the device may do");
    }
    const mask = this.#mask(options.mask);
    const pattern = fill === undefined ? undefined : patternBytes(fill, this.#backend.path, 'dma');
    const memory = this.#memory(what, options);
    let iova: Iova | undefined;
    try {
      const bytes = guard && typeof what === 'number' ? memory.bytes.subarray(0, what) : memory.bytes;
      if (pattern !== undefined) fillWith(bytes, pattern);
      const lead = guard ? BigInt(GUARD_SIZE) : 0n;
      const only = this.#backend.dmaPlace?.(memory);
      const asked = options.iova ?? only;
      if (only !== undefined && (asked !== only || guard)) {
        throw this.#refusal(
          `without an IOMMU the card sees memory where it is, at ${hex(only)}`,
          'leave iova and guard out',
        );
      }
      const first = this.#place(BigInt(memory.size) + 2n * lead, BigInt(memory.pageSize), mask, lead, asked);
      iova = first;
      const at = (first + lead) as Iova;
      this.#backend.dmaMap(memory, at, rights);
      const guards = guard ? this.#guard(memory, at, bytes.length) : undefined;
      const buffer = new DmaBuffer(this.#backend.path, {
        ...{ memory, iova: at, bytes, access: rights, guard: guards },
        borrowed: typeof what !== 'number',
        site: callSite(),
        unmap: (freed) => {
          this.#backend.dmaUnmap(at, memory.size);
          guards?.unmap();
          this.#space.free(first);
          this.#all.delete(freed);
        },
      });
      this.#all.add(buffer);
      return buffer;
    } catch (error) {
      if (iova !== undefined) this.#space.free(iova);
      memory.release();
      throw error;
    }
  }

  /** Takes everything back, whatever becomes of it, and tells what there was. */
  close(): Leaks | undefined {
    const leaks: Leak[] = [];
    for (const buffer of this.#all) {
      const { path, iova, size, site } = buffer;
      let guard: GuardReport | undefined;
      try {
        buffer.free();
      } catch (error) {
        // Else the card may be gone; closing the fds unmaps what is left.
        if (error instanceof GuardError) guard = error.report;
      }
      leaks.push({ path, iova, size, site: site.trim(), guard });
    }
    return leaks.length === 0 ? undefined : new Leaks(this.#backend.path, leaks);
  }

  #memory(what: number | Uint8Array, { pageSize }: DmaOptions): DmaMemory {
    if (what instanceof Uint8Array) {
      if (pageSize !== undefined) {
        throw this.#refusal('a page size for memory that there is already', 'leave pageSize out');
      }
      return this.#backend.dmaAdopt(what);
    }
    if (!Number.isSafeInteger(what) || what <= 0) {
      throw this.#refusal(`size ${String(what)}`, 'give a whole number of bytes, at least 1, or a Uint8Array');
    }
    return this.#backend.dmaAlloc(what, this.#pageSize(what, pageSize));
  }

  #pageSize(size: number, asked: PageSize = PAGE): number {
    const opae = size > MiB2 ? GiB : size > PAGE ? MiB2 : PAGE;
    const pageSize = asked === 'opae' ? opae : typeof asked === 'string' ? BY_NAME[asked] : asked;
    if (pageSize === undefined || !PAGE_SIZES.includes(pageSize)) {
      throw this.#refusal(`page size ${String(asked)}`, "use '4K', '2M', '1G', those in bytes, or 'opae'");
    }
    if (this.#backend.pageSizes.includes(pageSize)) return pageSize;
    const sizes = this.#backend.pageSizes.map(sizeText).join(', ');
    throw this.#refusal(`the IOMMU does not map pages of ${sizeText(pageSize)}`, `it maps ${sizes}`);
  }

  #mask(mask: number | bigint = ALL): bigint {
    if ((typeof mask === 'bigint' || Number.isSafeInteger(mask)) && mask > 0) return BigInt(mask);
    const hint = 'give the highest IOVA that the device drives, 0xfff_ffff for 28 bits';
    throw this.#refusal(`mask ${String(mask)}`, hint);
  }

  /** Takes IOVAs; returns the first. `lead` bytes after it the buffer begins. */
  #place(size: bigint, align: bigint, mask: bigint, lead: bigint, asked: bigint | undefined): Iova {
    if (asked === undefined) {
      const iova = this.#space.alloc(size, align, mask, lead);
      if (iova !== undefined) return iova;
      throw new SystemError({
        path: this.#backend.path,
        attempted: 'dma',
        reason: `no free IOVA range of ${sizeText(Number(size))} up to ${hex(mask)}`,
        hint: 'free buffers, or give a wider mask; dev shows the ranges',
      });
    }
    const text = typeof asked === 'bigint' ? hex(asked) : String(asked);
    if (typeof asked !== 'bigint' || asked < 0n || asked % BigInt(PAGE) !== 0n) {
      throw this.#refusal(`iova ${text}`, 'give a multiple of 4096, as a bigint');
    }
    const first = asked - lead;
    const last = first + size - 1n;
    if (last > mask) throw this.#refusal(`iova ${text} to ${hex(last)} is above the mask`, `the mask is ${hex(mask)}`);
    const refused = first < 0n ? 'outside' : this.#space.take(first, size);
    if (refused === undefined) return first as Iova;
    const ranges = this.#backend.iovaRanges.map((range) => `${hex(range.first)}-${hex(range.last)}`).join(', ');
    throw refused === 'outside'
      ? this.#refusal(
          `iova ${hex(first < 0n ? 0n : first)} to ${hex(last)} is not in the IOMMU's ranges`,
          `they are ${ranges}`,
        )
      : this.#refusal(
          `a part of iova ${hex(first)} to ${hex(last)} is taken`,
          'free the buffer that is there: dev.bufferAt(iova)',
        );
  }

  #guard(memory: DmaMemory, iova: Iova, length: number): Guard {
    try {
      return new Guard(this.#backend, memory, iova, length);
    } catch (error) {
      this.#backend.dmaUnmap(iova, memory.size);
      throw error;
    }
  }

  #refusal(reason: string, hint: string): UsageError {
    return new UsageError({ path: this.#backend.path, attempted: 'dma', reason, hint });
  }
}
