/**
 * Regions in a file instead of a card: a memfd laid out as VFIO lays out a device's fd, so that mapped and unmapped accesses
 * run as they do on a card, without one. Memory has no registers: for those there is the simulator.
 */
import assert from 'node:assert/strict';
import type { MmapArea, RegionInfo } from '../lib/backend.js';
import { RegionAccess } from '../lib/backends/access.js';
import { type MappedRegion, REGION_SHIFT } from '../lib/backends/regions.js';
import { Window } from '../lib/backends/window.js';
import { libc, MAP_SHARED, PROT_READ, PROT_WRITE } from '../lib/native.js';
import { built } from './faults.js';

export interface FileCard {
  readonly access: RegionAccess;
  readonly regions: readonly RegionInfo[];
  /** The file behind it. */
  readonly fd: number;
  close(): void;
}

export interface FileRegion {
  readonly index: number;
  readonly size: number;
  readonly mapped?: readonly MmapArea[];
  /** Where the file ends: accesses beyond fault. Default: the region's end. */
  readonly present?: number;
}

export function fileCard(layout: readonly FileRegion[]): FileCard {
  const { memfd, pwrite, mmap, munmap, close } = libc();
  const fd = memfd('card', 0);
  assert.ok(fd >= 0);
  const regions: MappedRegion[] = layout.map(({ index, size, mapped = [], present = size }) => {
    const place = index * REGION_SHIFT;
    assert.equal(pwrite(fd, new Uint8Array(1), 1, place + present - 1), 1);
    const windows = mapped.map((area) => {
      const at = mmap(0, area.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, place + area.offset);
      assert.ok(at > 0);
      return new Window(built(), at, area.offset, area.size);
    });
    return {
      info: { index, name: `bar${index}`, size, readable: true, writable: true, mapped, io: false },
      windows,
      unmap: () => {
        for (const { at, first, end } of windows) assert.equal(munmap(at, end - first), 0);
      },
    };
  });
  const access = new RegionAccess({ spec: 'file', path: 'file', driver: 'a file' }, fd, regions);
  return {
    access,
    regions: regions.map(({ info }) => info),
    fd,
    close: () => {
      access.close();
      close(fd);
    },
  };
}
