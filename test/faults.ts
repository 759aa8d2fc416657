/** Faults on purpose, for the tests of the guard: a mapping past the end of its file. Runs as a worker thread too. */
import assert from 'node:assert/strict';
import { isMainThread, parentPort } from 'node:worker_threads';
import type { Width } from '../lib/backend.js';
import { bytesAt, libc, MAP_SHARED, type Mmio, mmio, PAGE, PROT_READ, PROT_WRITE } from '../lib/native.js';

export const WIDTHS: readonly Width[] = [8, 16, 32, 64];

/** Two pages mapped over a file of one: the first is memory, every access to the second is a SIGBUS. */
export function halfMapping(): { at: number; bytes: Uint8Array; release(): void } {
  const { memfd, fallocate, mmap, munmap, close } = libc();
  const fd = memfd('half', 0);
  assert.equal(fallocate(fd, PAGE), 0);
  const at = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  assert.ok(at > 0);
  assert.equal(close(fd), 0);
  return { at, bytes: bytesAt(at, PAGE), release: () => munmap(at, 2 * PAGE) };
}

export function built(): Mmio {
  const it = mmio();
  assert.ok(it, 'mmio.so is built: node native/build.mjs');
  return it;
}

/** undefined: it faulted. */
export function read(it: Mmio, width: Width, at: number): bigint | undefined {
  if (width === 64) return it.read64(at);
  const value = width === 8 ? it.read8(at) : width === 16 ? it.read16(at) : it.read32(at);
  return value < 0 ? undefined : BigInt(value);
}

/** false: it faulted. */
export function write(it: Mmio, width: Width, at: number, value: bigint): boolean {
  if (width === 64) return !it.write64(at, value);
  return !(width === 8 ? it.write8 : width === 16 ? it.write16 : it.write32)(at, Number(value));
}

/** Every kind of access at `at` faults, `rounds` times in a row. Returns the number of faults. */
export function faultAll(at: number, rounds: number): number {
  const it = built();
  const block = new Uint8Array(16);
  let faults = 0;
  for (let round = 0; round < rounds; round++) {
    for (const width of WIDTHS) {
      if (read(it, width, at) === undefined) faults++;
      if (!write(it, width, at, 1n)) faults++;
      if (it.readBlock(at, width, block) === 0) faults++;
      if (it.writeBlock(at, width, block) === 0) faults++;
    }
  }
  return faults;
}

if (!isMainThread && parentPort) {
  const { at, release } = halfMapping();
  parentPort.postMessage(faultAll(at + PAGE, 10_000));
  release();
}
