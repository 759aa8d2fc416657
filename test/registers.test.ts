/** Register maps: what the type checker refuses, and what fields do to a raw value. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { UsageError } from '../lib/errors.js';
import { decodeFields, encodeFields, fieldMask, RegisterValue } from '../lib/fields.js';
import { r8, r16, r32, r64 } from '../lib/map.js';
import type { Registers } from '../lib/registers.js';
import { VIEW } from '../lib/view.js';

const MAP = {
  ID: r32(0x00, { MAJOR: [31, 24], MAGIC: [15, 0] }, 'ro'),
  CTRL: r32(0x04, { ENABLE: 0, MODE: [5, 4, { OFF: 0, SLOW: 1, FAST: 3 }], BUSY: [7, 7, 'ro'], ERR: [8, 8, 'w1c'] }),
  KICK: r8(0x08, {}, 'wo'),
  FIFO: r16(0x0a, {}, 'rclr'),
  BASE: r64(0x10, { PAGE: [63, 12], VALID: 0 }),
  WIDE: r32(0x18, { ALL: [31, 0], TOP: 31 }),
  LANE: r32(0x20, { UP: 0 }, { count: 4, stride: 8 }),
};

/** Never called: every line is checked by the compiler alone. */
export function misspelt(regs: Registers<typeof MAP>): void {
  regs.CTRL.modify({ ENABLE: 1, MODE: 'FAST' });
  const speed: 'OFF' | 'SLOW' | 'FAST' | number = regs.CTRL.read().MODE;
  const raw: number = regs.CTRL.read().raw + regs.LANE[3].read().UP + regs.FIFO.read() + Number(speed);
  const page: bigint = regs.BASE.read().PAGE + regs.BASE.read().raw + BigInt(raw);
  regs.BASE.write({ PAGE: page, VALID: 1 });
  // @ts-expect-error no such register
  regs.CTLR.read();
  // @ts-expect-error no such field
  regs.CTRL.modify({ ENABEL: 1 });
  // @ts-expect-error no such field to read
  regs.CTRL.read().ENABEL;
  // @ts-expect-error no such name of an enum
  regs.CTRL.write({ MODE: 'FASTER' });
  // @ts-expect-error compared with a name that the enum does not have
  regs.CTRL.read().MODE === 'FASTER';
  // @ts-expect-error a read-only field
  regs.CTRL.modify({ BUSY: 1 });
  // @ts-expect-error a read-only register
  regs.ID.write(1);
  // @ts-expect-error a write-only register
  regs.KICK.read();
  // @ts-expect-error reading it has a side effect
  regs.FIFO.modify({});
  // @ts-expect-error past the end of the array
  regs.LANE[4].read();
  // @ts-expect-error 64 bits are a bigint
  regs.BASE.write(1);
}

const refusal = (reason: string, hint: string) => new UsageError({ path: 'test', attempted: 'encode', reason, hint });

test('fields are cut out of the raw value by their bits', () => {
  assert.deepEqual(decodeFields(MAP.ID, 0x0100_00ed), { MAJOR: 1, MAGIC: 0xed });
  assert.deepEqual(decodeFields(MAP.WIDE, 0xffff_ffff), { ALL: 0xffff_ffff, TOP: 1 });
  assert.deepEqual(decodeFields(MAP.BASE, 0xffff_ffff_ffff_f001n), { PAGE: 0xf_ffff_ffff_ffffn, VALID: 1n });
});

test('a field with an enum is its name, or the number where the code has none', () => {
  assert.equal(decodeFields(MAP.CTRL, 0x30)?.MODE, 'FAST');
  assert.equal(decodeFields(MAP.CTRL, 0x20)?.MODE, 2);
});

test('encoding replaces the named fields and no other bit', () => {
  assert.equal(encodeFields(MAP.CTRL, { MODE: 'SLOW' }, 0xffff_ffff, refusal), 0xffff_ffdf);
  assert.equal(encodeFields(MAP.CTRL, { MODE: 2, ENABLE: 1 }, 0, refusal), 0x21);
  assert.equal(encodeFields(MAP.BASE, { PAGE: 1n }, 1n, refusal), 0x1001n);
  assert.equal(encodeFields(MAP.WIDE, { TOP: 1 }, 0, refusal), 0x8000_0000);
});

test('every field of every register survives encode and decode', () => {
  for (const spec of Object.values(MAP)) {
    for (const name of Object.keys(spec.fields)) {
      const start = spec.width === 64 ? 0n : 0;
      const empty = decodeFields(spec, start)?.[name];
      if ((spec.fields as Record<string, unknown[]>)[name]?.[2] === 'ro' || spec.access === 'ro') continue;
      const full = decodeFields(spec, encodeFields(spec, { [name]: 1 }, start, refusal))?.[name];
      assert.notDeepEqual(full, empty, name);
    }
  }
});

for (const [what, patch, words] of [
  ['an unknown field', { ENABEL: 1 }, /no field ENABEL.*ENABLE/],
  ['a read-only field', { BUSY: 1 }, /BUSY is read-only/],
  ['a value that does not fit', { MODE: 4 }, /MODE: 4 does not fit.*0x3/],
  ['a negative value', { ENABLE: -1 }, /does not fit/],
  ['a fraction', { ENABLE: 0.5 }, /does not fit/],
  ['an unknown name', { MODE: 'FASTER' }, /unknown name 'FASTER'.*OFF, SLOW, FAST/],
] as const) {
  test(`${what} is refused, saying what there is`, () => {
    assert.throws(() => encodeFields(MAP.CTRL, patch, 0, refusal), words);
  });
}

test('write-1-to-clear bits are not kept by a read-modify-write', () => {
  assert.equal(
    fieldMask(MAP.CTRL, (access) => access !== 'w1c'),
    0xffff_feffn,
  );
});

test('a declaration that makes no sense is refused where it is first used', () => {
  assert.throws(() => decodeFields(r8(0, { X: [8, 0] }), 0), /X: \[8, 0\]/);
  assert.throws(() => decodeFields(r8(0, { X: [0, 3] }), 0), /X: \[0, 3\]/);
});

describe('what a read-modify-write keeps', () => {
  const writable = (access: string) => access !== 'w1c' && access !== 'wo';
  const fields = { EVENT: [3, 3, 'w1c'], GO: [1, 1, 'wo'], MODE: 0 } as const;
  test('reserved bits of a control register, as they were read', () => {
    assert.equal(fieldMask(r8(0, fields), writable), 0b1111_0101n);
  });
  test('none of a status register, where they are reserved as zero', () => {
    assert.equal(fieldMask(r8(0, { EVENT: 3, MODE: [0, 0, 'ro'] }, 'w1c'), writable), 1n);
    assert.equal(fieldMask(r8(0, fields, { reserved: 'zero' }), writable), 1n);
  });
});

describe('units', () => {
  const spec = r16(0, {
    SPAN: [15, 8, { unit: '8 bytes' }],
    WAIT: [7, 4, 'ro', { unit: 'us' }],
    KIND: [1, 0, { A: 0 }],
  });
  const value = new RegisterValue('card/bar0 REG', spec, 0x0320, decodeFields(spec, 0x0320) ?? {});
  test('are data beside the numbers', () => {
    assert.deepEqual(JSON.parse(JSON.stringify(value)), {
      raw: 0x0320,
      units: { SPAN: '8 bytes', WAIT: 'us' },
      ...{ SPAN: 3, WAIT: 2, KIND: 'A' },
    });
    assert.equal('units' in new RegisterValue('', r8(0, { X: 0 }), 0, { X: 0 }), false);
  });
  test('and are shown', () => assert.match(String(value[VIEW]()), /SPAN +0x3 \(3 × 8 bytes\)\n.*WAIT +0x2 \(2 × us\)/));
});
