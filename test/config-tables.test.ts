/** Every table, bit by bit: flipping one changes the field that has it and no other; a reserved one changes only the raw word. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type CapabilitySpec, decodeCapability, type Place, shapeOf } from '../lib/config/capability.js';
import { CAPABILITIES } from '../lib/config/catalog.js';
import { offsetsOf } from '../lib/config/decode.js';
import { describeSpace } from '../lib/config/describe.js';
import { LAYOUTS } from '../lib/config/layout.js';
import { capabilitiesOf, isFound, walk } from '../lib/config/walk.js';
import { layoutOf } from '../lib/fields.js';
import type { RegisterMap, RegisterSpec } from '../lib/map.js';
import { EXTENDED, type Part, type Random, random, STANDARD, space } from './config/synthetic.js';

const EXPRESS: Part = STANDARD.find(([id]) => id === 0x10) ?? [0x10, 58];
/** So many spaces at most, until each register of the table has been there. */
const MOST = 4000;

describe('each bit of a capability is the field that the table has for it', () => {
  for (const spec of CAPABILITIES) {
    test(`${spec.name}: ${spec.title}`, () => {
      assert.match(spec.ref, /\d/, 'a table cites where it comes from');
      const missing = new Set(Object.keys(spec.registers));
      const next = random(spec.id + (spec.extended ? 0x100 : 0));
      for (let round = 0; round < MOST && missing.size > 0; round += 1) {
        const bytes = alone(spec, next);
        const [found] = walk({ bytes, path: '' })
          .filter(isFound)
          .filter(({ place }) => place.name === spec.name);
        assert.ok(found, 'the generator makes this capability');
        for (const name of flipAll(spec, bytes, found.place, missing)) missing.delete(name);
      }
      assert.deepEqual([...missing], [], 'registers that no space had');
    });
  }
});

/** A space with this capability, and PCI Express before it where it is an extended one. */
function alone(spec: CapabilitySpec, next: Random): Uint8Array {
  const parts = (spec.extended ? EXTENDED : STANDARD).filter(([id]) => id === spec.id);
  const part = parts[0];
  assert.ok(part, `no part ${spec.name} in test/config/synthetic.ts`);
  return spec.extended ? space(next, [EXPRESS], [part]) : space(next, [part], []);
}

/** Flips all bits of the registers named. @returns those that the space has */
function flipAll(spec: CapabilitySpec, bytes: Uint8Array, place: Place, names: Iterable<string>): string[] {
  const decode = () => decodeCapability(spec, { bytes, path: '' }, place);
  const shape = shapeOf(spec, { bytes, path: '' }, place);
  const before = decode();
  const seen: string[] = [];
  for (const name of names) {
    const register = spec.registers[name] as RegisterSpec;
    const offsets = offsetsOf(register, shape[name]);
    if (!Object.hasOwn(before, name) || offsets.length === 0) continue;
    seen.push(name);
    // Of an array the first and the last: the others are the same table.
    for (const index of new Set([0, Math.min(offsets.length, valuesOf(before[name]).length) - 1])) {
      const at = place.offset + (offsets[index] ?? 0);
      for (let bit = 0; bit < register.width; bit += 1) {
        flip(bytes, at, bit);
        const after = decode();
        const moved = shapeOf(spec, { bytes, path: '' }, place)[name];
        flip(bytes, at, bit);
        // A bit that tells the capability's form may take the register itself away, or elsewhere.
        if (offsetsOf(register, moved)[index] !== offsets[index]) continue;
        compare(`${name}[${index}]`, register, bit, valuesOf(before[name])[index], valuesOf(after[name])[index]);
      }
    }
  }
  return seen;
}

const valuesOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

function flip(bytes: Uint8Array, at: number, bit: number): void {
  const byte = at + (bit >> 3);
  bytes[byte] = (bytes[byte] ?? 0) ^ (1 << (bit & 7));
}

function compare(path: string, register: RegisterSpec, bit: number, before: unknown, after: unknown): void {
  const layout = layoutOf(register);
  if (layout.length === 0) {
    assert.equal(Number(after) ^ Number(before), (1 << bit) | 0, `${path}, bit ${bit}`);
    return;
  }
  const [was, is] = [before, after] as Record<string, unknown>[];
  assert.ok(was && is);
  assert.equal(Number(is.raw) ^ Number(was.raw), (1 << bit) | 0, `${path}.raw, bit ${bit}`);
  for (const { name, msb, lsb } of layout) {
    if (bit >= lsb && bit <= msb) assert.notEqual(is[name], was[name], `${path}.${name}, bit ${bit}`);
    else assert.equal(is[name], was[name], `${path}.${name} is not of bit ${bit}`);
  }
}

describe('each bit of a header', () => {
  for (const [layout, name] of (['device', 'bridge', 'cardbus'] as const).entries()) {
    const map: RegisterMap = LAYOUTS[name];
    test(`of type ${layout}, a ${name}'s`, () => {
      const next = random(layout);
      const bytes = Uint8Array.from({ length: 256 }, () => next(256));
      bytes[0x0e] = layout;
      const decode = () => describeSpace(bytes).header as unknown as Readonly<Record<string, unknown>>;
      const before = decode();
      for (const [name, register] of Object.entries(map)) {
        for (const [index, offset] of offsetsOf(register).entries()) {
          for (let bit = 0; bit < register.width; bit += 1) {
            if (offset === 0x0e && bit < 7) continue;
            flip(bytes, offset, bit);
            const after = decode();
            flip(bytes, offset, bit);
            compare(`${name}[${index}]`, register, bit, valuesOf(before[name])[index], valuesOf(after[name])[index]);
          }
        }
      }
    });
  }

  test('the bits of BARs and of the lists', () => {
    const bytes = new Uint8Array(4096);
    const bar = () => describeSpace(bytes).header.bars[0];
    const word = (value: number) => new DataView(bytes.buffer).setUint32(0x10, value, true);
    word(0xfebf_0000);
    assert.deepEqual(
      [bar()?.kind, bar()?.type, bar()?.prefetchable, bar()?.address],
      ['memory', '32-bit', false, '0xfebf0000'],
    );
    word(0xfebf_000c);
    bytes[0x14] = 0x80;
    assert.deepEqual([bar()?.type, bar()?.prefetchable, bar()?.address], ['64-bit', true, '0x80febf0000']);
    word(0x0000_c001);
    assert.deepEqual([bar()?.kind, bar()?.type, bar()?.address], ['io', undefined, '0xc000']);
    for (let bit = 4; bit < 32; bit += 1) {
      word(2 ** bit);
      assert.equal(bar()?.address, `0x${(2 ** bit).toString(16)}`, `bit ${bit}`);
    }
    // A capability list's own pointers: next, id, version.
    bytes.set([0x10, 0x00], 0x06);
    bytes[0x34] = 0x40;
    bytes.set([0x10, 0x00, 0x02, 0x00], 0x40);
    bytes.set([0x55, 0x00, 0x01, 0x00], 0x100);
    const extended = () => capabilitiesOf({ bytes, path: '' })[1];
    for (let bit = 0; bit < 20; bit += 1) {
      const { id: before = 0, version = 0 } = extended() ?? {};
      flip(bytes, 0x100, bit);
      const after = extended();
      flip(bytes, 0x100, bit);
      if (bit < 16) assert.equal(after?.id, before ^ (1 << bit));
      else assert.equal(after?.version, version ^ (1 << (bit - 16)));
    }
    const pointers = () => capabilitiesOf({ bytes, path: '' }).map(({ next }) => next);
    assert.deepEqual(pointers(), [0, 0]);
    for (let bit = 2; bit < 8; bit += 1) {
      flip(bytes, 0x41, bit);
      assert.equal(pointers()[0], 1 << bit);
      flip(bytes, 0x41, bit);
    }
    for (let bit = 22; bit < 32; bit += 1) {
      flip(bytes, 0x100, bit);
      assert.equal(pointers()[1], 1 << (bit - 20));
      flip(bytes, 0x100, bit);
    }
  });
});
