/** Memory for several devices, or for one after the other: page-aligned, whole pages, and nobody's but the caller's. */
import { PageMemory } from './backends/memory.js';

/**
 * Zeroed memory that a device can be given: `dev.dma(bytes)`. It is freed when nobody looks at it any more, and outlives the devices
 * that it was mapped for.
 *
 * @param size bytes, rounded up to whole pages. @param pageSize bytes: 4096 (default), 2 MiB or 1 GiB.
 * @throws SystemError where there is not so much memory, or no such huge pages.
 * @example
 * const bytes = pageMemory(8192)
 * const buf = dev.dma(bytes)
 */
export const pageMemory = (size: number, pageSize = 4096): Uint8Array<ArrayBuffer> =>
  new PageMemory(size, pageSize).bytes;
