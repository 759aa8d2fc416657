/**
 * The simulated IOMMU: which IOVAs the device reaches, and the checks that the kernel makes of them.
 *
 * Ref: drivers/vfio/vfio_iommu_type1.c (TYPE1v2), facts measured on an emulated VT-d
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import type { DmaAccess, IovaRange } from '../backend.js';
import { Refusal } from './refusal.js';

/** What a VT-d of 48 bits can map: all but the window where MSI writes go. */
export const IOVA_RANGES: readonly IovaRange[] = [
  { first: 0n, last: 0xfedf_ffffn },
  { first: 0xfef0_0000n, last: 0xffff_ffff_ffffn },
];

/** Bytes: 4 KiB, 2 MiB, 1 GiB. */
export const PAGE_SIZES: readonly number[] = [0x1000, 0x20_0000, 0x4000_0000];

const PAGE_MASK = 0xfffn;
const LAST = 0xffff_ffff_ffff_ffffn;

interface Mapping extends DmaAccess {
  readonly iova: bigint;
  readonly size: bigint;
  readonly pointer: bigint;
}

export class Iommu {
  readonly #mappings = new Map<bigint, Mapping>();
  /** This process's memory as a file: a pointer that went stale is an error here, never a crash. */
  #memory: number | undefined;

  map(iova: bigint, size: bigint, pointer: bigint, access: DmaAccess): void {
    if (!access.read && !access.write) throw new Refusal('EINVAL');
    if (size === 0n || (iova | size | pointer) & PAGE_MASK) throw new Refusal('EINVAL');
    const last = iova + size - 1n;
    if (last > LAST) throw new Refusal('EINVAL');
    for (const other of this.#mappings.values()) {
      if (iova < other.iova + other.size && other.iova <= last) throw new Refusal('EEXIST');
    }
    if (!IOVA_RANGES.some((range) => range.first <= iova && last <= range.last)) throw new Refusal('EINVAL');
    this.#mappings.set(iova, { iova, size, pointer, read: access.read, write: access.write });
  }

  /** Removes every mapping inside the range and says how many bytes those were. A mapping cut by it is EINVAL. */
  unmap(iova: bigint, size: bigint): bigint {
    const end = iova + size;
    if (size === 0n || (iova | size) & PAGE_MASK || end - 1n > LAST) throw new Refusal('EINVAL');
    const inside: Mapping[] = [];
    for (const mapping of this.#mappings.values()) {
      const mappingEnd = mapping.iova + mapping.size;
      if (mappingEnd <= iova || end <= mapping.iova) continue;
      if (mapping.iova < iova || end < mappingEnd) throw new Refusal('EINVAL');
      inside.push(mapping);
    }
    for (const mapping of inside) this.#mappings.delete(mapping.iova);
    return inside.reduce((sum, mapping) => sum + mapping.size, 0n);
  }

  /** A read by the device. What it cannot reach reads as zeros. */
  read(iova: bigint, into: Uint8Array): void {
    this.#walk(iova, into, 'read', (part, pointer) => {
      if (pointer === undefined || readSync(this.#file(), part, 0, part.length, pointer) !== part.length) part.fill(0);
    });
  }

  /** A write by the device. What it cannot reach stays as it is. */
  write(iova: bigint, from: Uint8Array): void {
    this.#walk(iova, from, 'write', (part, pointer) => {
      if (pointer !== undefined) writeSync(this.#file(), part, 0, part.length, Number(pointer));
    });
  }

  /** The device reaches nothing any more. */
  close(): void {
    this.#mappings.clear();
    if (this.#memory !== undefined) closeSync(this.#memory);
    this.#memory = undefined;
  }

  #walk(
    iova: bigint,
    bytes: Uint8Array,
    direction: keyof DmaAccess,
    visit: (part: Uint8Array, pointer: bigint | undefined) => void,
  ): void {
    let done = 0;
    while (done < bytes.length) {
      const at = iova + BigInt(done);
      const inPage = Math.min(bytes.length - done, 0x1000 - Number(at & PAGE_MASK));
      visit(bytes.subarray(done, done + inPage), this.#translate(at, direction));
      done += inPage;
    }
  }

  #translate(iova: bigint, direction: keyof DmaAccess): bigint | undefined {
    for (const mapping of this.#mappings.values()) {
      if (mapping.iova <= iova && iova < mapping.iova + mapping.size) {
        return mapping[direction] ? mapping.pointer + (iova - mapping.iova) : undefined;
      }
    }
    return undefined;
  }

  #file(): number {
    this.#memory ??= openSync('/proc/self/mem', 'r+');
    return this.#memory;
  }
}
