/** In the guest: the machine is what the other files take for granted. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import test from 'node:test';
import {
  DISK,
  E1000E,
  EDU,
  EDU_TOO,
  IGB,
  IGB_TOO,
  IVSHMEM,
  NETWORK,
  NVME,
  SHARED,
  SHARED_OTHER,
  TESTDEV,
} from '../cards.js';

const sys = (bdf: string, name: string): string => `/sys/bus/pci/devices/${bdf}/${name}`;
const groupOf = (bdf: string): string => basename(readlinkSync(sys(bdf, 'iommu_group')));
const members = (bdf: string): string[] => readdirSync(`/sys/kernel/iommu_groups/${groupOf(bdf)}/devices`);

test('each card is where cards.ts says', () => {
  const ids = [EDU, NVME, E1000E, ...SHARED, EDU_TOO, IGB, IGB_TOO, IVSHMEM, TESTDEV, DISK, NETWORK].map((bdf) =>
    ['vendor', 'device'].map((name) => readFileSync(sys(bdf, name), 'utf8').trim()).join(' '),
  );
  assert.deepEqual(ids, [
    ...['0x1234 0x11e8', '0x1b36 0x0010', '0x8086 0x10d3', '0x1234 0x11e8', '0x1234 0x11e8'],
    ...['0x1234 0x11e8', '0x8086 0x10c9', '0x8086 0x10c9', '0x1af4 0x1110', '0x1b36 0x0005'],
    ...['0x1af4 0x1042', '0x1af4 0x1041'],
  ]);
});

test('edu is alone in its group, those behind the bridge share theirs', () => {
  assert.deepEqual(members(EDU), [EDU]);
  assert.deepEqual(members(SHARED[0]), ['0000:04:00.0', ...SHARED, SHARED_OTHER]);
});

test('huge pages of 2 MiB are there', () => {
  const free = readFileSync('/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages', 'utf8');
  assert.ok(Number(free) > 0);
});
