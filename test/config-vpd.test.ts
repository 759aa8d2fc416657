/** Vital product data: records and keywords out of bytes, in lspci's words. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Backend, RegionInfo } from '../lib/backend.js';
import { Config } from '../lib/config/config.js';
import { NO_NAMES } from '../lib/config/names.js';
import { lspciText } from '../lib/config/text.js';
import { vpdRecords } from '../lib/config/vpd.js';
import { TimeoutError } from '../lib/errors.js';
import { open } from '../lib/open.js';

const ascii = (text: string): number[] => Array.from(text, (character) => character.charCodeAt(0));
const field = (keyword: string, ...value: number[]): number[] => [...ascii(keyword), value.length, ...value];
const large = (tag: number, ...content: number[]): number[] => [
  tag,
  content.length & 0xff,
  content.length >> 8,
  ...content,
];

/** RV's first byte makes all up to it add up to 0. */
function card(): Uint8Array {
  const product = large(0x82, ...ascii('Example \\ card'));
  const known = [
    ...field('PN', ...ascii('X-1\n')),
    ...field('MN', 1, 0xfe),
    ...field('V7', ...ascii('lab')),
    ...field('QQ', 9),
  ];
  const before = [...product, ...large(0x90, ...known, ...field('RV', 0, 0, 0))];
  const sum = before.reduce((total, byte) => total + byte, 0);
  before[before.length - 3] = -sum & 0xff;
  return Uint8Array.of(
    ...before,
    ...large(0x91, ...field('YA', ...ascii('shelf 3')), ...field('RW', 0, 0)),
    0x78,
    0xff,
    0xff,
  );
}

const lines = (vpd: Uint8Array): string[] => {
  const bytes = new Uint8Array(256);
  bytes.set([0x10, 0x00], 0x06);
  bytes[0x34] = 0x40;
  bytes[0x40] = 0x03;
  return lspciText(bytes, { slot: '01:00.0', vpd }).trimEnd().split('\n').slice(3);
};

describe('vital product data', () => {
  test('records, and their fields by keyword', () => {
    const records = vpdRecords(card());
    assert.deepEqual(
      records.map(({ kind }) => kind),
      ['product', 'read-only', 'read-write', 'end'],
    );
    assert.equal(records[0]?.text, 'Example \\ card');
    const [part, maker, vendor, unknown, reserved] = records[1]?.fields ?? [];
    assert.deepEqual([part?.name, part?.text], ['Part number', 'X-1\n']);
    assert.deepEqual([maker?.name, maker?.text, maker?.bytes], ['Manufacture ID', undefined, [1, 0xfe]]);
    assert.deepEqual([vendor?.keyword, vendor?.name, vendor?.text], ['V7', 'Vendor specific', 'lab']);
    assert.deepEqual([unknown?.name, unknown?.bytes], ['Unknown', [9]]);
    assert.equal(reserved?.checksum, 'good');
    assert.deepEqual(JSON.parse(JSON.stringify(records)), records);
  });

  test("in lspci's words", () => {
    assert.deepEqual(lines(card()), [
      '\tCapabilities: [40] Vital Product Data',
      '\t\tProduct Name: Example \\\\ card',
      '\t\tRead-only fields:',
      '\t\t\t[PN] Part number: X-1\\x0a',
      '\t\t\t[MN] Manufacture ID: 01 fe',
      '\t\t\t[V7] Vendor specific: lab',
      '\t\t\t[QQ] Unknown: 09',
      '\t\t\t[RV] Reserved: checksum good, 2 byte(s) reserved',
      '\t\tRead/write fields:',
      '\t\t\t[YA] Asset tag: shelf 3',
      '\t\t\t[RW] Read-write area: 2 byte(s) free',
      '\t\tEnd',
    ]);
    assert.deepEqual(lines(new Uint8Array()).slice(1), ['\t\tNot readable']);
    assert.deepEqual(lines(card().slice(0, 17)).slice(1), [
      '\t\tProduct Name: Example \\\\ card',
      '\t\tNo end tag found',
    ]);
    assert.deepEqual(lines(Uint8Array.of(0x85, 0, 0)).slice(1), [
      '\t\tUnknown large resource type 05, will not decode more.',
    ]);
  });

  test('a changed byte shows in the checksum; cut off anywhere, what is whole is there', () => {
    const bad = card();
    bad[4] = (bad[4] ?? 0) ^ 1;
    assert.equal(vpdRecords(bad)[1]?.fields?.at(-1)?.checksum, 'bad');
    const whole = vpdRecords(card());
    for (let length = 0; length < card().length; length += 1) {
      const records = vpdRecords(card().slice(0, length));
      assert.ok(records.length <= whole.length);
      assert.deepEqual(records, whole.slice(0, records.length));
    }
  });

  test('read from a card: a word at a time, up to the end tag and no further', async () => {
    const { config, asked } = window(card(), 2);
    assert.deepEqual(await config.vpd(), vpdRecords(card()));
    const end = card().length - 2;
    assert.deepEqual(
      asked,
      Array.from({ length: Math.ceil(end / 4) }, (_, index) => index * 4),
    );
  });

  test('a card that never answers is a TimeoutError; one that answers all-ones, or nothing known, ends at once', async () => {
    await assert.rejects(window(card(), Number.POSITIVE_INFINITY).config.vpd(), TimeoutError);
    for (const [byte, kinds] of [
      [0xff, []],
      [0x00, ['unknown']],
      [0x7f, ['end']],
    ] as const) {
      const { config, asked } = window(new Uint8Array(0x8000).fill(byte), 1);
      assert.deepEqual(
        (await config.vpd()).map(({ kind }) => kind),
        kinds,
      );
      assert.deepEqual(asked, [0]);
    }
    const { config, asked } = window(
      Uint8Array.from({ length: 0x8000 }, (_, at) => [0x82, 0x01, 0x00, 0x41][at & 3] ?? 0),
      1,
    );
    assert.equal((await config.vpd()).length, 0x2000);
    assert.equal(asked.length, 0x2000);
  });

  test('no capability, no data', async () => {
    using device = open('sim:edu');
    await assert.rejects(device.config.vpd(), /no such capability; it has MSI/);
  });
});

/** A config space whose VPD capability shows `vpd`: FLAG is set at the `patience`th look. */
function window(vpd: Uint8Array, patience: number): { config: Config; asked: number[] } {
  const asked: number[] = [];
  const bytes = new Uint8Array(256);
  bytes.set([0x10, 0x00], 0x06);
  bytes[0x34] = 0x40;
  bytes[0x40] = 0x03;
  const view = new DataView(bytes.buffer);
  let looks = 0;
  const backend: Pick<Backend, 'path' | 'read' | 'readBlock' | 'write'> = {
    path: 'card',
    read(_region, offset, width) {
      if (offset === 0x42 && ++looks === patience) view.setUint16(0x42, view.getUint16(0x42, true) | 0x8000, true);
      return width === 16 ? view.getUint16(offset, true) : view.getUint32(offset, true);
    },
    readBlock: (_region, offset, _width, into) => into.set(bytes.subarray(offset, offset + into.length)),
    write(_region, offset, _width, value) {
      assert.equal(offset, 0x42);
      asked.push(Number(value));
      looks = 0;
      view.setUint16(offset, Number(value), true);
      for (let index = 0; index < 4; index += 1) bytes[0x44 + index] = vpd[Number(value) + index] ?? 0xff;
    },
  };
  const info: RegionInfo = {
    index: 7,
    name: 'config',
    size: 256,
    readable: true,
    writable: true,
    mapped: [],
    io: false,
  };
  const around = { sizes: new Map(), slot: '00:00.0', names: () => NO_NAMES };
  return { config: new Config(backend as Backend, info, around), asked };
}
