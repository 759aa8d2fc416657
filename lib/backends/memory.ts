/**
 * Memory that a device may be given: pages of one size behind an fd, shared, zeroed, and safe to hold on to after they
 * were released.
 *
 * JavaScript can keep `bytes` for ever and cannot be told that the pages are gone. So `release()` puts zero pages of
 * nothing in their place, and the range itself is unmapped once the collector says that no view is left.
 *
 * Ref: memfd_create(2), mmap(2), Documentation/admin-guide/mm/hugetlbpage.rst
 */
import { readFileSync } from 'node:fs';
import * as threads from 'node:worker_threads';
import type { DmaMemory } from '../backend.js';
import { SystemError, UsageError } from '../errors.js';
import * as native from '../native.js';

const RW = native.PROT_READ | native.PROT_WRITE;
const MiB = 2 ** 20;
const LARGE = 16 * MiB;

/** What the kernel holds for one buffer; fd -1 once it was released. */
interface Range {
  readonly at: number;
  readonly size: number;
  fd: number;
}

const forgotten = new FinalizationRegistry<Range>(({ at, size, fd }) => {
  native.libc().munmap(at, size);
  if (fd >= 0) native.libc().close(fd);
});

export class PageMemory implements DmaMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly size: number;
  readonly pageSize: number;
  /** Where the memory is in this process: any thread of it may look there until `release()`. */
  readonly pointer: bigint;
  readonly #range: Range;

  /**
   * `size` bytes, rounded up to whole pages of `pageSize`: 4096, 2 MiB or 1 GiB; `owner` is the path of the device that errors name.
   * @throws SystemError where memory or huge pages are missing: names the sysfs file and the command.
   */
  constructor(size: number, pageSize: number = native.PAGE, owner = 'process') {
    const refusal = (attempted: string, errno: string) =>
      refused(`${owner}/dma`, attempted, this.size, pageSize, errno);
    const { memfd, fallocate, mmap, close } = native.libc();
    this.pageSize = pageSize;
    this.size = Math.ceil(size / pageSize) * pageSize;
    // Asking costs more than all the rest for a small buffer, and memfd_create or fallocate refuse those too.
    if (pageSize === native.PAGE && this.size > LARGE && this.size > process.availableMemory()) {
      throw refusal('memfd_create', 'ENOMEM');
    }
    const fd = memfd('vfiolab', pageSize === native.PAGE ? 0 : native.MFD_HUGETLB | (Math.log2(pageSize) << 26));
    if (fd < 0) throw refusal('memfd_create', native.errnoName(-fd));
    const given = fallocate(fd, this.size);
    const at = given < 0 ? given : mmap(0, this.size, RW, native.MAP_SHARED, fd, 0);
    if (at < 0) {
      close(fd);
      throw refusal(given < 0 ? 'fallocate' : 'mmap', native.errnoName(-at));
    }
    this.pointer = BigInt(at);
    this.bytes = native.bytesAt(at, this.size);
    stay(this.bytes.buffer);
    // The buffer, not the typed array: every view of it keeps the range.
    this.#range = { at, size: this.size, fd };
    forgotten.register(this.bytes.buffer, this.#range);
  }

  release(): void {
    if (this.released) return;
    const { mmap, close } = native.libc();
    const nothing = native.MAP_PRIVATE | native.MAP_ANONYMOUS | native.MAP_FIXED | native.MAP_NORESERVE;
    const { at, size, fd } = this.#range;
    mmap(at, size, RW, nothing, -1, 0);
    close(fd);
    this.#range.fd = -1;
  }

  get released(): boolean {
    return this.#range.fd < 0;
  }
}

/**
 * Memory that is the caller's: whole pages off V8's heap, which stay where they are and are not collected until the release. They
 * stay the caller's afterwards.
 */
export class BorrowedMemory implements DmaMemory {
  readonly size: number;
  readonly pageSize: number = native.PAGE;
  readonly pointer: bigint;
  #bytes: Uint8Array | undefined;

  /** @throws UsageError where it is not page-aligned, not whole pages, or of a buffer that can be resized. */
  constructor(bytes: Uint8Array, owner = 'process') {
    const { buffer, byteLength } = bytes;
    const refusal = (reason: string): UsageError =>
      new UsageError({
        path: `${owner}/dma`,
        attempted: 'dmaAdopt',
        reason: `memory of the caller's ${reason}`,
        hint: 'pageMemory(size) gives memory that can be mapped: whole pages, page-aligned',
      });
    const { resizable, growable } = buffer as { resizable?: boolean; growable?: boolean };
    if (resizable || growable) throw refusal('that can be resized cannot be mapped');
    // Pages are longer than what V8 keeps on its heap, where memory moves.
    if (byteLength === 0 || byteLength % native.PAGE !== 0) {
      throw refusal(`must be whole pages of ${native.PAGE} bytes, and is ${byteLength} bytes`);
    }
    this.pointer = BigInt(native.addressOf(bytes));
    const past = Number(this.pointer % BigInt(native.PAGE));
    if (past !== 0) throw refusal(`must begin at a page, and begins ${past} bytes after one`);
    this.size = byteLength;
    this.#bytes = bytes;
    if (buffer instanceof ArrayBuffer) stay(buffer);
    // A page that nobody has written to yet is one that all share, and would be another one after the first write.
    for (let at = 0; at < byteLength; at += native.PAGE) Atomics.or(bytes, at, 0);
  }

  get bytes(): Uint8Array {
    return this.#bytes ?? new Uint8Array(0);
  }

  get released(): boolean {
    return this.#bytes === undefined;
  }

  release(): void {
    this.#bytes = undefined;
  }
}

/** Whether a device can be given it: memory of this file, not released. */
export function isMappable(memory: DmaMemory): memory is PageMemory | BorrowedMemory {
  return (memory instanceof PageMemory || memory instanceof BorrowedMemory) && !memory.released;
}

/**
 * Has every way to move a buffer's memory to another buffer, or to another thread, refused: we could not tell any more how long it is
 * looked at. (Node 20 copies it instead; transfer() came with 22, and is refused by Node's own mark from 24 on.)
 */
function stay(buffer: ArrayBuffer): void {
  // Memory from outside V8 is marked from the beginning, and marked once more it would keep Node 24 from ending in peace.
  const { isMarkedAsUntransferable: marked } = threads as {
    isMarkedAsUntransferable?: (buffer: ArrayBuffer) => boolean;
  };
  if (marked?.(buffer) !== true) threads.markAsUntransferable(buffer);
  const value = (): never => {
    throw new UsageError({
      path: 'ArrayBuffer',
      attempted: 'transfer',
      reason: 'its memory is, or may be, mapped for a device, and stays where it is',
      hint: 'copy it: bytes.slice()',
    });
  };
  for (const name of ['transfer', 'transferToFixedLength'])
    Object.defineProperty(buffer, name, { value, configurable: true });
}

function refused(path: string, attempted: string, size: number, pageSize: number, errno: string): SystemError {
  if (pageSize === native.PAGE) {
    const free = Math.floor(process.availableMemory() / MiB);
    const reason = `no ${size} bytes of memory are to be had, ${free} MiB are available`;
    return new SystemError({ path, attempted, reason, errno, hint: 'ask for less, or raise ulimit -n if fds ran out' });
  }
  const folder = `/sys/kernel/mm/hugepages/hugepages-${pageSize / 1024}kB`;
  const count = Math.ceil(size / pageSize);
  const free = readNumber(`${folder}/free_hugepages`);
  const total = readNumber(`${folder}/nr_hugepages`);
  if (total === undefined) {
    const reason = `this kernel has no huge pages of ${pageSize / MiB} MiB: there is no ${folder}`;
    return new SystemError({ path, attempted, reason, errno, hint: 'ask for another page size' });
  }
  const reason = `${count} huge pages of ${pageSize / MiB} MiB are needed, ${folder}/free_hugepages says ${free ?? 0}`;
  const hint = `configure them: echo ${total - (free ?? 0) + count} | sudo tee ${folder}/nr_hugepages`;
  return new SystemError({ path, attempted, reason, errno, hint });
}

function readNumber(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
