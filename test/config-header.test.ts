/** The header as data, of all three layouts: registers, BARs, ROM, windows; and its types. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { headerOf } from '../lib/config/layout.js';
import type { Device } from '../lib/device.js';

type Word = readonly [offset: number, value: number];
const pairs = (...words: readonly Word[]) => words;

/** A header of zeros, but for these words of 32 bits. */
function header(layout: number, words: readonly Word[], size = 256) {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (const [offset, word] of words) view.setUint32(offset, word, true);
  if (size > 0x0e) bytes[0x0e] = layout;
  return headerOf({ bytes, path: 'card/config' }, new Map([[0, 0x4000]]));
}

describe('a device', () => {
  const data = header(0, [
    ...pairs([0x00, 0x10d3_8086], [0x10, 0xfe00_000c], [0x14, 0x0000_0001], [0x18, 0x0000_4001], [0x1c, 0xfe48_0000]),
    ...pairs([0x20, 0x0000_0002], [0x24, 0xffff_ffff], [0x30, 0xfe40_0001]),
  ]);
  test('its BARs, each once', () => {
    assert.deepEqual(
      data.bars.map(({ index, kind, type, prefetchable, address, size }) => [
        index,
        kind,
        type,
        prefetchable,
        address,
        size,
      ]),
      [
        [0, 'memory', '64-bit', true, '0x1fe000000', 0x4000],
        [2, 'io', undefined, false, '0x4000', undefined],
        [3, 'memory', '32-bit', false, '0xfe480000', undefined],
        [4, 'memory', 'low-1M', false, '0x0', undefined],
      ],
    );
  });
  test('its ROM, and no windows', () => {
    assert.deepEqual(data.rom, { address: '0xfe400000', enabled: true, raw: 0xfe40_0001 });
    assert.deepEqual(data.windows, []);
  });
  test('its registers', () => {
    assert.equal(data.layout, 'device');
    assert.ok(data.layout === 'device' && data.SUBSYSTEM_ID === 0 && data.VENDOR_ID === 0x8086);
  });
});

describe('a bridge', () => {
  const words = [
    ...pairs([0x18, 0x0005_0100], [0x1c, 0x0000_2121], [0x20, 0xfe80_fe40], [0x24, 0x0011_0001]),
    ...pairs([0x28, 0x0000_0008], [0x2c, 0x0000_0008], [0x30, 0x0001_0001]),
  ];
  const data = header(1, words);
  test('its windows: 32-bit I/O, memory, 64-bit prefetchable', () => {
    assert.deepEqual(data.windows, [
      { kind: 'io', bits: 32, base: '0x12000', limit: '0x12fff', open: true },
      { kind: 'memory', bits: 32, base: '0xfe400000', limit: '0xfe8fffff', open: true },
      { kind: 'prefetchable', bits: 64, base: '0x800000000', limit: '0x8001fffff', open: true },
    ]);
  });
  test('a closed one, and ones whose types make no sense', () => {
    const odd = header(1, [...words, [0x1c, 0x0000_2122], [0x20, 0xfe40_fe80], [0x24, 0x0012_0002]]);
    assert.deepEqual(odd.windows, [{ kind: 'memory', bits: 32, base: '0xfe800000', limit: '0xfe4fffff', open: false }]);
  });
  test('its buses', () => {
    assert.ok(data.layout === 'bridge');
    assert.deepEqual([data.PRIMARY_BUS, data.SECONDARY_BUS, data.SUBORDINATE_BUS], [0, 1, 5]);
    assert.deepEqual(data.MEMORY_BASE.units, { ADDRESS: '1 MiB' });
  });
});

test("a CardBus bridge's windows", () => {
  const data = header(2, [
    ...pairs([0x1c, 0xf000_0000], [0x20, 0xf1ff_f000], [0x2c, 0x0000_1000], [0x30, 0x0000_10fc], [0x3c, 0x0100_0000]),
  ]);
  assert.equal(data.layout, 'cardbus');
  assert.deepEqual(data.windows, [
    { kind: 'prefetchable', bits: 32, base: '0xf0000000', limit: '0xf1ffffff', open: true },
    { kind: 'memory', bits: 32, base: '0x0', limit: '0xfff', open: true },
    { kind: 'io', bits: 16, base: '0x1000', limit: '0x10ff', open: true },
    { kind: 'io', bits: 16, base: '0x0', limit: '0x3', open: true },
  ]);
});

test('of another layout, or of bytes that end, there is what all headers have', () => {
  const unknown = header(3, [[0, 0x1234_8086]]);
  assert.deepEqual([unknown.layout, unknown.VENDOR_ID, unknown.bars, unknown.windows], ['unknown', 0x8086, [], []]);
  const short = header(0, [[0, 0x1234_8086]], 6);
  assert.deepEqual(Object.keys(short), ['layout', 'VENDOR_ID', 'DEVICE_ID', 'COMMAND', 'bars', 'windows']);
  assert.throws(
    () => short.STATUS,
    /card\/config STATUS: decode: the bytes end before it; read or dump at least the 64 bytes/,
  );
  assert.equal(JSON.parse(JSON.stringify(short)).DEVICE_ID, 0x1234);
});

test('types: what all layouts have at once, the rest by layout', () => {
  const never = (device: Device) => {
    const data = device.config.header();
    const master: number = data.COMMAND.MASTER;
    const select: 'FAST' | 'MEDIUM' | 'SLOW' | number = data.STATUS.DEVSEL;
    const size: number | undefined = data.bars[0]?.size;
    // @ts-expect-error only of a bridge
    data.SECONDARY_BUS;
    const bus: number = data.layout === 'bridge' ? data.SECONDARY_BUS + data.CONTROL.VGA : 0;
    const id: number = data.layout === 'device' ? data.SUBSYSTEM_ID : 0;
    // @ts-expect-error a misspelt field
    data.COMMAND.MASTR;
    return [master, select, size, bus, id];
  };
  assert.equal(typeof never, 'function');
});
