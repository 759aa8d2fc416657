/** Spaces that no card should have, and many of them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { describeSpace } from '../lib/config/describe.js';
import { lspciText } from '../lib/config/text.js';
import { capabilitiesOf } from '../lib/config/walk.js';
import { check, fuzz } from './config/fuzz.js';

/** Bytes, and where they begin. */
type Run = readonly [offset: number, ...bytes: number[]];

function bytesOf(size: number, ...runs: readonly Run[]): Uint8Array {
  const bytes = new Uint8Array(size);
  for (const [offset, ...run] of runs) bytes.set(run, offset);
  return bytes;
}

/** STATUS.CAP_LIST, and where the list begins. */
const LIST: readonly Run[] = [
  [0x06, 0x10],
  [0x34, 0x40],
];
const EXPRESS: Run = [0x40, 0x10, 0x00, 0x02, 0x00];

const names = (bytes: Uint8Array) => capabilitiesOf({ bytes, path: '' }).map(({ name }) => name);
const last = (bytes: Uint8Array) => lspciText(bytes, { slot: '00:00.0' }).trimEnd().split('\n').at(-1);

describe('capability lists', () => {
  test('the extended one loops: to itself, to the one before, and over all it can hold', () => {
    const self = bytesOf(4096, ...LIST, EXPRESS, [0x100, 0x03, 0x00, 0x01, 0x10]);
    assert.deepEqual(names(self), ['EXP', 'DSN']);
    assert.equal(last(self), '\tCapabilities: [100 v1] <chain looped>');
    const back = bytesOf(4096, ...LIST, EXPRESS, [0x100, 0x03, 0x00, 0x01, 0x20], [0x200, 0x03, 0x00, 0x01, 0x10]);
    assert.deepEqual(names(back), ['EXP', 'DSN', 'DSN']);
    assert.equal(last(back), '\tCapabilities: [100 v1] <chain looped>');
    const full = bytesOf(4096, ...LIST, EXPRESS);
    for (let at = 0x100; at < 4096; at += 4) full.set([0x55, 0, 1 | (((at + 4) & 0xf) << 4), (at + 4) >> 4], at);
    full.set([0x55, 0, 0x01, 0x10], 0xffc);
    assert.equal(names(full).length, 1 + (4096 - 256) / 4);
    assert.equal(last(full), '\tCapabilities: [100 v1] <chain looped>');
    assert.deepEqual(describeSpace(full).broken, [{ offset: 0x100, version: 1, extended: true, reason: 'looped' }]);
  });

  test('the extended one points into the conventional space, and into the header', () => {
    const conventional = bytesOf(4096, ...LIST, EXPRESS, [0x100, 0x03, 0x00, 0x01, 0x04]);
    // There the id has sixteen bits: PCI Express's two bytes are no id of an extended one.
    assert.deepEqual(names(conventional), ['EXP', 'DSN', 'SRIOV']);
    check(conventional);
    const header = bytesOf(4096, [0x00, 0x86, 0x80], ...LIST, EXPRESS, [0x100, 0x03, 0x00, 0xc1, 0x00]);
    check(header);
  });

  test('the last bytes of each space', () => {
    for (const size of [256, 4096]) {
      for (let id = 1; id < 0x15; id += 1) {
        const edge = bytesOf(size, [0x06, 0x10], [0x34, 0xfc], [0xfc, id, 0x00, 0xff, 0xff]);
        check(edge);
        assert.equal(names(edge).length, 1, `id ${id}`);
      }
    }
    for (let id = 1; id < 0x40; id += 1) {
      const edge = bytesOf(4096, ...LIST, EXPRESS, [0x100, 0x03, 0x00, 0xc1, 0xff], [0xffc, id, 0x00, 0x0f, 0x00]);
      check(edge);
      assert.equal(capabilitiesOf({ bytes: edge, path: '' }).at(-1)?.offset, 0xffc, `id ${id}`);
    }
  });

  test('versions from the future are decoded as far as the tables go', () => {
    for (let id = 1; id < 0x40; id += 1) {
      const future = bytesOf(4096, ...LIST, [0x40, 0x10, 0x00, 0xff, 0xff], [0x100, id, 0x00, 0x0f, 0x00]);
      check(future);
      assert.equal(capabilitiesOf({ bytes: future, path: '' })[1]?.version, 15);
      assert.match(lspciText(future, { slot: '00:00.0' }), /\tCapabilities: \[100 v15\] /);
    }
  });

  test('lengths that lie: longer than the space, and zero', () => {
    for (const length of [0x00, 0xff]) {
      for (const id of [0x0b, 0x23, 0x30, 0x36]) {
        const lying = bytesOf(4096, ...LIST, EXPRESS, [0x100, 0x03, 0x00, 0x01, 0xff], [0xff0, id, 0x00, 0x01, 0x00]);
        lying.fill(length, 0xff4);
        check(lying);
      }
    }
  });
});

describe('whole spaces', () => {
  test('all-ones and all-zeros, of every size to 300 and the usual ones', () => {
    for (const size of [...Array(301).keys(), 4095, 4096]) {
      for (const fill of [0x00, 0xff]) {
        const bytes = new Uint8Array(size).fill(fill);
        check(bytes);
        assert.deepEqual(names(bytes), []);
      }
    }
  });

  test('64 and 256 bytes only: what is missing is shown as lspci does', () => {
    assert.equal(last(bytesOf(64, ...LIST)), '\tCapabilities: <access denied>');
    const short = bytesOf(256, ...LIST, [0x40, 0x10, 0x00, 0x02, 0x00]);
    assert.doesNotMatch(lspciText(short, { slot: '00:00.0' }), /\[100/);
    const cut = bytesOf(264, ...LIST, EXPRESS, [0x100, 0x26, 0x00, 0x01, 0x00]);
    assert.equal(last(cut), '\t\t<unreadable>');
    const named = bytesOf(256, ...LIST, [0x40, 0x06, 0x00, 0x00, 0x00]);
    assert.equal(last(named), '\tCapabilities: [40] CompactPCI hot-swap <?>');
  });

  test('an unknown capability has its bytes, up to the next one', () => {
    const bytes = bytesOf(
      4096,
      ...LIST,
      [0x40, 0x7e, 0x50, 1, 2, 3],
      [0x50, 0x10, 0x00, 0x02],
      [0x100, 0x55, 0x00, 0x01, 0x11],
    );
    bytes.set([0xaa, 0x00, 0x01, 0x00, 9], 0x110);
    const [standard, , first, second] = describeSpace(bytes).capabilities as unknown as {
      name: string;
      bytes: number[];
    }[];
    assert.deepEqual(
      [standard?.name, standard?.bytes.slice(0, 5), standard?.bytes.length],
      ['0x7e', [0x7e, 0x50, 1, 2, 3], 16],
    );
    assert.deepEqual([first?.name, first?.bytes.length], ['0x55', 16]);
    assert.deepEqual([second?.name, second?.bytes.slice(0, 5)], ['0xaa', [0xaa, 0, 1, 0, 9]]);
  });
});

test('6,000 random and mutated spaces: no exception, no hang, no field from outside the bytes', (t) => {
  const seed = Number(process.env.VFIOLAB_TEST_SEED ?? 7);
  const bytes = fuzz(Number(process.env.VFIOLAB_TEST_SPACES ?? 6_000), seed);
  t.diagnostic(`${bytes} bytes decoded, seed ${seed}`);
});
