/** How regions are reached: through windows where they are mapped, through the fd elsewhere; faults, and after close. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Width } from '../lib/backend.js';
import { capabilities, REGION_SHIFT, without } from '../lib/backends/regions.js';
import { iovaRanges } from '../lib/backends/group.js';
import { BusError, ClosedError, SystemError, UsageError } from '../lib/errors.js';
import { libc } from '../lib/native.js';
import * as uapi from '../lib/uapi.js';
import { type FileRegion, fileCard } from './filecard.js';
import { thrown } from './thrown.js';

const PAGE = 4096;

function withCard(layout: readonly FileRegion[], body: (card: ReturnType<typeof fileCard>) => void): void {
  const card = fileCard(layout);
  try {
    body(card);
  } finally {
    card.close();
  }
}

/** Mapped but for its second page, as a BAR with an MSI-X table there; and a region that is not mapped at all. */
const LAYOUT: readonly FileRegion[] = [
  {
    index: 0,
    size: 4 * PAGE,
    mapped: [
      { offset: 0, size: PAGE },
      { offset: 2 * PAGE, size: 2 * PAGE },
    ],
  },
  { index: 5, size: PAGE },
];

test('every width, in a window, in a hole and without any: the same bytes', () => {
  withCard(LAYOUT, ({ access, fd }) => {
    for (const [region, offset] of [
      [0, 0x10],
      [0, PAGE + 0x10],
      [0, 4 * PAGE - 8],
      [5, 0x10],
    ] as const) {
      const inFile = new Uint8Array(8);
      for (const width of [8, 16, 32] as const) {
        const value = 0x87654321 % 2 ** width;
        access.write(region, offset, width, value);
        assert.equal(access.read(region, offset, width), value);
        libc().pread(fd, inFile, 8, region * REGION_SHIFT + offset);
        assert.equal(new DataView(inFile.buffer).getUint32(0, true) % 2 ** width, value);
      }
    }
    access.write(0, 8, 64, 0xfedc_ba98_7654_3210n);
    assert.equal(access.read(0, 8, 64), 0xfedc_ba98_7654_3210n);
    access.write(0, 8, 64, 1n);
    assert.equal(access.read(0, 8, 64), 1n, 'a bigint, however small');
  });
});

test('blocks: within a window, across a hole, without any', () => {
  withCard(LAYOUT, ({ access }) => {
    for (const [region, offset, width] of [
      [0, 0x100, 32],
      [0, 0x100, 64],
      [0, PAGE - 32, 16],
      [0, 2 * PAGE - 32, 32],
      [5, 0x40, 8],
      [5, 0x40, 32],
    ] as const) {
      const from = Uint8Array.from({ length: 64 }, (_, i) => (i * 7 + width) % 256);
      access.writeBlock(region, offset, width, from);
      const into = new Uint8Array(64);
      access.readBlock(region, offset, width, into);
      assert.deepEqual(into, from);
      assert.equal(access.read(region, offset + 63, 8), from[63]);
    }
  });
});

test('64 bits through the fd are refused before anything is transferred', () => {
  withCard(LAYOUT, ({ access }) => {
    for (const act of [
      () => access.read(5, 8, 64),
      () => access.write(5, 8, 64, -1n),
      () => access.read(0, PAGE + 8, 64),
      () => access.readBlock(5, 8, 64, new Uint8Array(8)),
      () => access.writeBlock(5, 8, 64, new Uint8Array(8).fill(0xff)),
    ]) {
      const error = thrown(act);
      assert.ok(error instanceof UsageError);
      assert.match(error.message, /^file\/bar\d\+0x\w+: (read|write)(Block)?64: .*two 32-bit accesses/);
    }
    assert.equal(access.read(5, 8, 32), 0);
  });
});

test('a fault in a window is a BusError that names the register, for blocks the one that faulted', () => {
  withCard([{ index: 0, size: 2 * PAGE, present: PAGE, mapped: [{ offset: 0, size: 2 * PAGE }] }], ({ access }) => {
    for (const width of [8, 16, 32, 64] as Width[]) {
      const zero = width === 64 ? 0n : 0;
      const acts: [string, number, () => unknown][] = [
        [`read${width}`, PAGE + 0x20, () => access.read(0, PAGE + 0x20, width)],
        [`write${width}`, PAGE + 0x20, () => access.write(0, PAGE + 0x20, width, zero)],
        [`readBlock${width}`, PAGE, () => access.readBlock(0, PAGE - 64, width, new Uint8Array(128))],
        [`writeBlock${width}`, PAGE, () => access.writeBlock(0, PAGE - 64, width, new Uint8Array(128))],
      ];
      for (const [attempted, offset, act] of acts) {
        const error = thrown(act);
        assert.ok(error instanceof BusError);
        assert.equal(error.path, `file/bar0+0x${offset.toString(16)}`);
        assert.equal(error.attempted, attempted);
        assert.match(error.message, /SIGBUS.*COMMAND\.MEM/);
        assert.equal(access.read(0, 0, width), zero, 'the session goes on');
      }
    }
  });
});

test('past the end of the fd: a short transfer is an error, not a value', () => {
  withCard([{ index: 0, size: PAGE, present: PAGE / 2 }], ({ access }) => {
    const error = thrown(() => access.read(0, PAGE / 2, 32));
    assert.ok(error instanceof SystemError);
    assert.match(error.message, /^file\/bar0\+0x800: read32: 0 of 4 bytes were transferred/);
  });
});

test('after close every access says so, mapped or not; closing again does nothing', () => {
  const card = fileCard(LAYOUT);
  card.close();
  for (const region of [0, 5]) {
    for (const width of [8, 16, 32, 64] as Width[]) {
      assert.ok(thrown(() => card.access.read(region, 0, width)) instanceof ClosedError);
      assert.ok(thrown(() => card.access.write(region, 0, width, 0)) instanceof ClosedError);
      assert.ok(thrown(() => card.access.readBlock(region, 0, width, new Uint8Array(8))) instanceof ClosedError);
      assert.ok(thrown(() => card.access.writeBlock(region, 0, width, new Uint8Array(8))) instanceof ClosedError);
    }
  }
  card.access.close();
});

test('the pages of the MSI-X table are left out of a mapping', () => {
  const bar = { offset: 0, size: 4 * PAGE };
  assert.deepEqual(without(bar, { offset: 0x1800, size: 0x90 }), [
    { offset: 0, size: PAGE },
    { offset: 2 * PAGE, size: 2 * PAGE },
  ]);
  assert.deepEqual(without(bar, { offset: 0, size: 16 }), [{ offset: PAGE, size: 3 * PAGE }]);
  assert.deepEqual(without(bar, { offset: 3 * PAGE, size: 2048 * 16 }), [{ offset: 0, size: 3 * PAGE }]);
  assert.deepEqual(without({ offset: 0, size: PAGE }, { offset: 0x40, size: 16 }), []);
  assert.deepEqual(without({ offset: 2 * PAGE, size: PAGE }, { offset: 0, size: PAGE }), [
    { offset: 2 * PAGE, size: PAGE },
  ]);
});

test('all capabilities of a region count, whatever their order', () => {
  const chain = (...ids: number[]): Uint8Array => {
    const bytes = new Uint8Array(32 + ids.length * 64);
    ids.forEach((id, i) => {
      const at = 32 + i * 64;
      bytes.set(uapi.CAP_HEADER.pack({ id, version: 1, next: i + 1 < ids.length ? at + 64 : 0 }), at);
      if (id !== uapi.FLAG.VFIO_REGION_INFO_CAP_SPARSE_MMAP) return;
      new DataView(bytes.buffer).setUint32(at + 8, 2, true);
      bytes.set(uapi.SPARSE_AREA.pack({ offset: 0n, size: 0x1000n }), at + 16);
      bytes.set(uapi.SPARSE_AREA.pack({ offset: 0x3000n, size: 0x2000n }), at + 32);
    });
    return bytes;
  };
  const info = { flags: uapi.FLAG.VFIO_REGION_INFO_FLAG_CAPS, cap_offset: 32 };
  const sparse = [
    { offset: 0, size: 0x1000 },
    { offset: 0x3000, size: 0x2000 },
  ];
  assert.deepEqual(capabilities(chain(1, 3), info), { sparse, msixMappable: true });
  assert.deepEqual(capabilities(chain(3, 77, 1), info), { sparse, msixMappable: true });
  assert.deepEqual(capabilities(chain(77), info), { sparse: undefined, msixMappable: false });
  assert.deepEqual(capabilities(chain(1, 3), { ...info, flags: 0 }), { sparse: undefined, msixMappable: false });
});

test('IOVA ranges come from the kernel; one that does not say gets 39 bits without the MSI window', () => {
  const bytes = uapi.IOMMU_INFO.pack({ flags: uapi.FLAG.VFIO_IOMMU_INFO_CAPS, cap_offset: 24 }, new Uint8Array(80));
  bytes.set(uapi.CAP_HEADER.pack({ id: 3, next: 40 }), 24);
  bytes.set(uapi.CAP_HEADER.pack({ id: uapi.FLAG.VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE }), 40);
  new DataView(bytes.buffer).setUint32(48, 2, true);
  bytes.set(uapi.IOVA_RANGE.pack({ start: 0n, end: 0xfedf_ffffn }), 56);
  bytes.set(uapi.IOVA_RANGE.pack({ start: 0xfef0_0000n, end: 0xffff_ffff_ffff_ffffn }), 72);
  assert.deepEqual(iovaRanges(bytes), [
    { first: 0n, last: 0xfedf_ffffn },
    { first: 0xfef0_0000n, last: 0xffff_ffff_ffff_ffffn },
  ]);
  assert.deepEqual(iovaRanges(uapi.IOMMU_INFO.pack({})).at(-1), { first: 0xfef0_0000n, last: 0x7f_ffff_ffffn });
});
