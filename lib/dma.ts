/** DMA buffers: memory that both this process and the device can reach. */
import type { Backend, DmaAccess, DmaMemory, Iova } from './backend.js';
import { ClosedError, SystemError, UsageError } from './errors.js';
import type { IovaSpace } from './iova.js';
import { hex, sizeText } from './region.js';
import { Shown, VIEW, View } from './view.js';

export interface DmaOptions {
  /** Bytes: 4096 (default), 2 MiB or 1 GiB. The buffer's size is rounded up to whole pages. */
  readonly pageSize?: number;
  /** The highest IOVA that the device can drive, as its DMA mask: 0xfff_ffff for 28 bits. Default: 64 bits. */
  readonly mask?: number | bigint;
  /** What the device may do, as seen from the device: 'r', 'w' or 'rw' (default). */
  readonly access?: 'r' | 'w' | 'rw';
}

const PAGE_SIZES = [4096, 2 * 1024 * 1024, 1024 * 1024 * 1024];
const ACCESS: Record<string, DmaAccess> = {
  r: { read: true, write: false },
  w: { read: false, write: true },
  rw: { read: true, write: true },
};

/** Memory at `bytes` for this process and at `iova` for the device, until `free()` or the device's `close()`. */
export class DmaBuffer extends Shown {
  /** Where the device sees the first byte. */
  readonly iova: Iova;
  /** Bytes, whole pages. */
  readonly size: number;
  readonly pageSize: number;
  /** '0000:03:00.0/dma@0x1000'. */
  readonly path: string;
  readonly #memory: DmaMemory;
  readonly #unmap: () => void;
  #freed = false;

  constructor(path: string, memory: DmaMemory, iova: Iova, unmap: () => void) {
    super();
    this.path = `${path}/dma@${hex(iova)}`;
    this.iova = iova;
    this.size = memory.size;
    this.pageSize = memory.pageSize;
    this.#memory = memory;
    this.#unmap = unmap;
  }

  /**
   * The memory itself, zeroed at first. The device may change it at any time.
   *
   * @throws ClosedError after `free()`. A view taken earlier stays harmless: it reads zeros, and never crashes the process.
   * @example new DataView(buf.bytes.buffer).getUint32(0, true)
   */
  get bytes(): Uint8Array {
    if (this.#freed) {
      throw new ClosedError({
        path: this.path,
        attempted: 'bytes',
        reason: 'the buffer was freed',
        hint: 'allocate a new one with dev.dma(size)',
      });
    }
    return this.#memory.bytes;
  }

  get freed(): boolean {
    return this.#freed;
  }

  /** Unmaps the IOVA, so that the device reaches nothing there any more, and gives the memory back. Freeing twice is allowed. */
  free(): void {
    if (this.#freed) return;
    this.#unmap();
    this.#freed = true;
    this.#memory.release();
  }

  [Symbol.dispose](): void {
    this.free();
  }

  [VIEW](): View {
    const state = this.#freed
      ? ({ text: 'freed', tone: 'bad' } as const)
      : ({ text: `${sizeText(this.pageSize)} pages`, tone: 'dim' } as const);
    return new View(
      '',
      [],
      [[{ text: this.path, tone: 'name' }, `iova ${hex(this.iova)}`, sizeText(this.size), state]],
    );
  }
}

/**
 * Allocates and maps one buffer; `dev.dma(size, options)` is how users say it.
 *
 * @throws UsageError for a size, page size, mask or access that makes no sense; SystemError where the kernel refuses
 * (no huge pages, memlock too small) or no IOVA is free.
 */
export function allocDma(
  backend: Backend,
  space: IovaSpace,
  size: number,
  options: DmaOptions,
  freed: (buffer: DmaBuffer) => void,
): DmaBuffer {
  const { pageSize = 4096, mask = 0xffff_ffff_ffff_ffffn, access = 'rw' } = options;
  const refusal = (reason: string, hint: string) =>
    new UsageError({ path: backend.path, attempted: 'dma', reason, hint });
  if (!Number.isSafeInteger(size) || size <= 0)
    throw refusal(`size ${String(size)}`, 'give a whole number of bytes, at least 1');
  if (!PAGE_SIZES.includes(pageSize))
    throw refusal(`page size ${String(pageSize)}`, 'use 4096, 2 * 1024 ** 2 or 1024 ** 3');
  if (!backend.pageSizes.includes(pageSize))
    throw refusal(
      `the IOMMU does not map pages of ${sizeText(pageSize)}`,
      `it maps ${backend.pageSizes.map(sizeText).join(', ')}`,
    );
  const rights = ACCESS[access];
  if (rights === undefined) throw refusal(`access '${String(access)}'`, "use 'r', 'w' or 'rw': what the device may do");
  if (!(typeof mask === 'bigint' || Number.isSafeInteger(mask)) || mask <= 0)
    throw refusal(`mask ${String(mask)}`, 'give the highest IOVA that the device drives, 0xfff_ffff for 28 bits');

  const memory = backend.dmaAlloc(size, pageSize);
  const iova = space.alloc(BigInt(memory.size), BigInt(pageSize), BigInt(mask));
  if (iova === undefined) {
    memory.release();
    throw new SystemError({
      path: backend.path,
      attempted: 'dma',
      reason: `no free IOVA range of ${sizeText(memory.size)} up to ${hex(BigInt(mask))}`,
      hint: 'free buffers, or give a wider mask; dev shows the ranges',
    });
  }
  try {
    backend.dmaMap(memory, iova, rights);
  } catch (error) {
    space.free(iova);
    memory.release();
    throw error;
  }
  const buffer = new DmaBuffer(backend.path, memory, iova, () => {
    backend.dmaUnmap(iova, memory.size);
    space.free(iova);
    freed(buffer);
  });
  return buffer;
}
