/** Feature headers and LiteX's CSRs, on a region of memory; dumps around registers that reading changes; polling's bad input. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Backend } from '../lib/backend.js';
import { LabError, UsageError } from '../lib/errors.js';
import { hexdiff } from '../lib/hexdiff.js';
import { dfhWalk } from '../lib/hw/dfh.js';
import { litexMap } from '../lib/hw/litex.js';
import { r8, r32 } from '../lib/map.js';
import { Region } from '../lib/region.js';
import { until } from '../lib/until.js';
import { VIEW } from '../lib/view.js';

/** A region of memory, and the accesses that were made: `offset:bytes`. */
function memory(size: number): { region: Region; bytes: DataView; reads: string[] } {
  const bytes = new DataView(new ArrayBuffer(size));
  const reads: string[] = [];
  const backend: Partial<Backend> = {
    path: 'memory',
    read: (_, offset, width) => {
      reads.push(`${offset}:${width / 8}`);
      return width === 64
        ? bytes.getBigUint64(offset, true)
        : width === 32
          ? bytes.getUint32(offset, true)
          : bytes.getUint8(offset);
    },
    readBlock: (_, offset, _width, into) => {
      reads.push(`${offset}:${into.length}`);
      into.set(new Uint8Array(bytes.buffer, offset, into.length));
    },
  };
  const info = { index: 0, name: 'bar0', size, readable: true, writable: true, mapped: [], io: false } as const;
  return { region: new Region(backend as Backend, info), bytes, reads };
}

describe('device feature headers', () => {
  const header = (type: number, next: number, more = 0n) => (BigInt(type) << 60n) | (BigInt(next) << 16n) | more;
  const END = 1n << 40n;

  test('are walked to their end, with GUIDs where there are some', () => {
    const { region, bytes } = memory(0x4000);
    bytes.setBigUint64(0x0000, header(4, 0x1000, 0x0n), true);
    bytes.setBigUint64(0x0008, 0x1n, true);
    bytes.setBigUint64(0x1000, header(3, 0x2000, (3n << 12n) | 0x14n), true);
    bytes.setBigUint64(0x3000, header(1, 0, END | (1n << 52n)), true);
    const found = dfhWalk(region);
    assert.deepEqual(
      found.features.map((one) => [one.offset, one.type, one.id, one.revision, one.version, one.guid]),
      [
        [0, 'FIU', 0, 0, 0, '00000000-0000-0000-0000-000000000001'],
        [0x1000, 'PRIVATE', 0x14, 3, 0, undefined],
        [0x3000, 'AFU', 0, 0, 1, '00000000-0000-0000-0000-000000000000'],
      ],
    );
    assert.match(String(found[VIEW]()), /^memory\/bar0: 3 features\n/);
  });
  test('that leave the region are given as far as they go', () => {
    const { region, bytes } = memory(0x2000);
    bytes.setBigUint64(0x0000, header(4, 0x8_0000), true);
    assert.match(dfhWalk(region).broken ?? '', /goes on at 0x80000, which is no place in bar0/);
    bytes.setBigUint64(0x0000, header(4, 0x1004), true);
    assert.match(dfhWalk(region).broken ?? '', /goes on at 0x1004/);
  });
  test('that are none are refused', () => {
    const { region, bytes } = memory(0x100);
    assert.throws(() => dfhWalk(region), LabError);
    bytes.setBigUint64(0x40, 0xffff_ffff_ffff_ffffn, true);
    assert.throws(
      () => dfhWalk(region, 0x40),
      /bar0\+0x40: dfhWalk: 0xf{16} is no device feature header; is the card still there/,
    );
  });
});

describe('LiteX', () => {
  const csr = {
    csr_bases: { ctrl: 0xf000_0000, pcie: 0xf000_1000 },
    csr_registers: {
      ctrl_scratch: { addr: 0xf000_0004, size: 1, type: 'rw' },
      ctrl_bus_errors: { addr: 0xf000_0008, size: 1, type: 'ro' },
      pcie_dma_loops: { addr: 0xf000_1010, size: 2, type: 'ro' },
    },
    memories: { csr: { base: 0xf000_0000, size: 65536, type: 'io' } },
  };
  test('csr.json becomes a register map', () => {
    const map = litexMap(JSON.stringify(csr));
    assert.deepEqual(
      Object.entries(map).map(([name, { offset, access, count }]) => [name, offset, access, count]),
      [
        ['CTRL_SCRATCH', 4, 'rw', 0],
        ['CTRL_BUS_ERRORS', 8, 'ro', 0],
        ['PCIE_DMA_LOOPS', 0x1010, 'ro', 2],
      ],
    );
    assert.deepEqual(litexMap(csr, 0xf000_0004).CTRL_SCRATCH?.offset, 0);
    const { region, bytes } = memory(0x2000);
    bytes.setUint32(4, 0x1234_5678, true);
    const soc = region.registers(map) as unknown as { CTRL_SCRATCH: { read(): number } };
    assert.equal(soc.CTRL_SCRATCH.read(), 0x1234_5678);
  });
  test('what is none is refused', () => {
    assert.throws(() => litexMap('{'), UsageError);
    assert.throws(() => litexMap('{}'), /no csr_registers.*--csr-json/);
    assert.throws(() => litexMap(csr, 0xf000_0008), /ctrl_scratch is at/);
  });
});

describe('a dump', () => {
  test('reads around the registers that reading changes, in whole accesses, each byte once', () => {
    const { region, reads } = memory(64);
    region.registers({
      POP: r8(0x05, {}, 'rclr'),
      TOP: r8(0x06, { ERR: [0, 0, 'rclr'] }),
      FIFO: r32(0x20, {}, 'rclr'),
    });
    assert.match(String(region.dump(0, 64)), /not read: POP, FIFO\n/);
    assert.deepEqual(reads.splice(0), ['0:4', '8:24', '36:28']);
    region.dump(0, 64, 8);
    assert.deepEqual(reads.splice(0), ['0:5', '7:25', '36:28']);
    // A range that begins within one, and one that has none.
    region.dump(0x22, 2, 16);
    assert.deepEqual(reads.splice(0), []);
    region.dump(0x30, 16);
    assert.deepEqual(reads.splice(0), ['48:16']);
  });
  test('is as ever where no map says so', () => {
    const { region, reads } = memory(64);
    region.dump(0, 64);
    assert.deepEqual(reads, ['0:64']);
    assert.throws(() => region.dump(0, 65), UsageError);
  });
});

test('hexdiff takes dumps of one length', () => {
  assert.throws(() => hexdiff(new Uint8Array(4), new Uint8Array(5)), UsageError);
  assert.equal(hexdiff(new Uint8Array(0), new Uint8Array(0)).equal, true);
});

describe('until', () => {
  test('gives what ended it, and passes on what the condition throws', async () => {
    let calls = 0;
    assert.equal(await until(async () => ++calls === 3 && 'third'), 'third');
    await assert.rejects(
      until(() => {
        throw new Error('broken');
      }),
      /broken/,
    );
  });
  test('asks once more after the deadline', async () => {
    let calls = 0;
    await assert.rejects(
      until(() => ++calls < 0, { timeout: 0 }),
      /still false after 0 ms/,
    );
    assert.equal(calls, 1);
  });
  test('refuses times that are none', async () => {
    for (const options of [{ timeout: -1 }, { timeout: Number.NaN }, { every: -1 }])
      await assert.rejects(
        until(() => true, options),
        UsageError,
      );
  });
});
