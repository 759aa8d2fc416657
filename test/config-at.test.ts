/** Places in config space by setpci's names: the same bytes as setpci's, the tables' fields, and writes that change what they name. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { Backend, RegionInfo } from '../lib/backend.js';
import { Config } from '../lib/config/config.js';
import { dumpText, parseDump } from '../lib/config/dump.js';
import { NO_NAMES } from '../lib/config/names.js';
import { parsePlaceName, REGISTER_NAMES } from '../lib/config/setpci.js';
import { EXPRESS_REGISTERS as LAYOUT } from '../lib/config/express.js';
import { isFound, walk } from '../lib/config/walk.js';
import { UsageError } from '../lib/errors.js';
import { open } from '../lib/open.js';
import { pciutils, pciutilsMissing } from './config/lspci.js';
import { EXTENDED, type Random, random, STANDARD, some, space } from './config/synthetic.js';
import { needs } from './needs.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiolab-at-'));
after(() => rmSync(folder, { recursive: true }));

/** A config space that notes what is written to it and keeps it; no device has registers as plain as this. */
function plain(bytes: Uint8Array): { config: Config; writes: [offset: number, width: number, value: number][] } {
  const writes: [number, number, number][] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const info: RegionInfo = {
    ...{ index: 7, name: 'config', size: bytes.length, readable: true, writable: true, mapped: [], io: false },
  };
  const backend: Pick<Backend, 'path' | 'read' | 'readBlock' | 'write'> = {
    path: 'card',
    read: (_region, offset, width) =>
      width === 8 ? view.getUint8(offset) : width === 16 ? view.getUint16(offset, true) : view.getUint32(offset, true),
    readBlock: (_region, offset, _width, into) => into.set(bytes.subarray(offset, offset + into.length)),
    write: (_region, offset, width, value) => {
      writes.push([offset, width, Number(value)]);
    },
  };
  const around = { sizes: new Map(), slot: '00:00.0', names: () => NO_NAMES };
  return { config: new Config(backend as Backend, info, around), writes };
}

/** A space with PCI Express in it whose lists are whole: of others setpci knows no extended list, or none at all. */
function whole(next: Random, layout: number): Uint8Array {
  for (;;) {
    const bytes = space(next, some(next, STANDARD).slice(0, 6), some(next, EXTENDED).slice(0, 8), 4096);
    bytes[0x0e] = layout;
    const steps = walk({ bytes, path: '' });
    if (steps.every(isFound) && steps.some((step) => isFound(step) && step.place.name === 'EXP')) return bytes;
  }
}

/** A PCI Express endpoint at 0x40, two vendor capabilities, AER at 0x100. */
function endpoint(): Uint8Array {
  const bytes = new Uint8Array(4096);
  const view = new DataView(bytes.buffer);
  view.setUint16(0x06, 0x0010, true);
  bytes[0x34] = 0x40;
  bytes.set([0x10, 0x80, 0x02, 0x00], 0x40);
  bytes.set([0x09, 0x90, 0x10, 0x01], 0x80);
  bytes.set([0x09, 0x00, 0x10, 0x02], 0x90);
  view.setUint32(0x100, 0x0001_0001 | (2 << 16), true);
  return bytes;
}

describe('names', () => {
  const cases: readonly [text: string, place: string][] = [
    ['COMMAND', 'start+4 16'],
    ['command.L', 'start+4 32'],
    ['VENDOR_ID+1.b', 'start+1 8'],
    ['4.w', 'start+4 16'],
    ['0x3c.b', 'start+3c 8'],
    ['CAP_EXP+8.w', 'cap 10 @0+8 16'],
    ['cap_vndr.l@1', 'cap 9 @1+0 32'],
    ['CAP_VNDR@1+4.l', 'cap 9 @1+4 32'],
    ['CAP10+c.l', 'cap 10 @0+c 32'],
    ['ECAP_AER+4.l', 'ecap 1 @0+4 32'],
    ['ECAP0001', 'ecap 1 @0+0 -'],
    ['ECAP_VNDR', 'ecap b @0+0 -'],
    ['ECAP_DOE', 'ecap 2e @0+0 -'],
    ['CAP_EXP+10', 'cap 10 @0+10 -'],
  ];
  for (const [text, expected] of cases) {
    test(text, () => {
      const { base, offset, width } = parsePlaceName(text);
      const from =
        base === 'start' ? base : `${base.extended ? 'ecap' : 'cap'} ${base.id.toString(16)} @${base.instance}`;
      assert.equal(`${from}+${offset.toString(16)} ${width ?? '-'}`, expected);
    });
  }
  for (const [text, words] of [
    ['', /not a name/],
    ['COMAND', /no register is called 'COMAND'; use one such as/],
    ['CAP_FOO', /no register is called/],
    ['CAP_EXP+zz', /'zz' is not a hexadecimal number/],
    ['CAP_EXP.q', /unknown width '.q'; use .b, .w or .l/],
    ['COMMAND@1', /only capabilities are counted/],
    ['CAP_EXP+8+8', /'\+' twice/],
    ['CAP_EXP+8.w extra', /not a name/],
  ] as const) {
    test(`'${text}' is refused`, () => assert.throws(() => parsePlaceName(text), words));
  }
});

describe('beside setpci', needs('pciutils'), () => {
  const dumped = pciutilsMissing() === undefined ? pciutils('setpci', '--dumpregs') : '';
  const registers = [...dumped.matchAll(/^ {5}([0-9a-f]{2}) ([BWL]) (\w+)$/gm)];
  const capabilities = [...dumped.matchAll(/^[ 0-9a-f]{4} 00 - (E?CAP_\w+)$/gm)].map(([, name = '']) => name);
  const file = join(folder, 'random.txt');
  const setpci = (...words: readonly string[]) =>
    pciutils('setpci', '-A', 'dump', '-O', `dump.name=${file}`, '-s', '01:00.0', ...words);

  test('its registers are ours', () => {
    assert.ok(registers.length > 60 && capabilities.length > 60);
    const letter = { 8: 'B', 16: 'W', 32: 'L' };
    assert.deepEqual(
      new Set(registers.map(([, offset = '', width, name]) => `${name} ${Number.parseInt(offset, 16)} ${width}`)),
      new Set([...REGISTER_NAMES].map(([name, { offset, width }]) => `${name} ${offset} ${letter[width]}`)),
    );
    for (const name of capabilities) assert.doesNotThrow(() => parsePlaceName(name));
  });

  test('both read the same, and refuse the same', () => {
    const next = random(11);
    const read = { same: 0, refused: 0 };
    for (let round = 0; round < 9; round += 1) {
      const bytes = whole(next, round % 3);
      writeFileSync(file, dumpText('0000:01:00.0', bytes));
      const { config } = plain(bytes);
      const places = [
        ...registers.map(([, , , name = '']) => name),
        // setpci loses the lists of some CardBus bridges.
        ...(round % 3 === 2 ? [] : capabilities).flatMap((name) => [
          `${name}.l`,
          `${name}+2.w`,
          `${name}+7.b`,
          `${name}.w@1`,
        ]),
        ...['10.l', '3c.w', 'ff.b', 'COMMAND.l', 'VENDOR_ID+1.b', '100.l'],
        ...(round % 3 === 2 ? [] : ['CAP10.w', 'ECAP0001+4.l']),
      ];
      const there = places.flatMap((name) => {
        try {
          const register = config.at(name);
          return [
            [
              name,
              register
                .read()
                .raw.toString(16)
                .padStart(register.spec.width / 4, '0'),
            ] as const,
          ];
        } catch (error) {
          assert.ok(error instanceof UsageError);
          return [];
        }
      });
      const words = there.map(([name]) => name);
      const theirs = setpci(...words)
        .trim()
        .split('\n');
      assert.deepEqual(
        there,
        theirs.map((value, index) => [words[index], value]),
      );
      read.same += there.length;
      if (round >= 3) continue;
      for (const name of places.filter((one) => !words.includes(one) && !one.includes('+'))) {
        assert.equal(setpci(name), '', `${name}, layout ${round % 3}`);
        read.refused += 1;
      }
    }
    assert.ok(read.same > 400 && read.refused > 200, JSON.stringify(read));
  });
});

describe('what is known of a place', () => {
  const { config } = plain(endpoint());
  const fieldsOf = (name: string) => Object.keys(config.at(name).spec.fields);
  test('the register, where the access is exactly it; its width where none is given', () => {
    const register = config.at('CAP_EXP+8');
    assert.deepEqual([register.name, register.offset, register.spec.width], ['EXP.DEVCTL', 0x48, 16]);
    assert.equal(config.at('CAP_EXP+12.w').decode(0x1043).SPEED, '8GT/s');
    assert.equal(config.at('CAP_EXP+12.w').decode(0x1043).WIDTH, 4);
    assert.equal(config.at('COMMAND').decode(4).MASTER, 1);
    assert.equal(config.at('ECAP_AER').decode(0x14020001).VERSION, 2);
  });
  test('the fields of two, and a part of one', () => {
    assert.ok(fieldsOf('COMMAND.l').includes('STATUS.CAP_LIST') && fieldsOf('COMMAND.l').includes('COMMAND.MASTER'));
    assert.deepEqual(fieldsOf('COMMAND+1.b'), ['COMMAND.INTX_DISABLE', 'COMMAND.FAST_B2B', 'COMMAND.SERR']);
    assert.deepEqual(fieldsOf('CAP_EXP+f.b'), ['EXP.LNKCAP.PORT']);
    assert.ok(fieldsOf('CAP_EXP+d.b').includes('EXP.LNKCAP.L0S_EXIT[13:12]') === false);
    assert.ok(fieldsOf('CAP_EXP+c.w').includes('EXP.LNKCAP.L1_EXIT[15:15]'));
  });
  test('nothing, where the tables have nothing', () => {
    assert.deepEqual(fieldsOf('f0.l'), []);
    assert.deepEqual(Object.keys(config.at('f0.l').read()), ['raw']);
  });
  for (const [name, words] of [
    ['CAP_MSI+2.w', /no such capability; it has CAP_EXP, CAP_VNDR, CAP_VNDR, ECAP_AER/],
    ['CAP_VNDR.b@2', /it has 2 of them; counting begins with @0/],
    ['f0', /the width is missing; append .b, .w or .l/],
    ['3d.w', /offset 0x3d is not a multiple of 2/],
    ['ffff.b', /offset 0xffff is outside; config space is 0x1000 bytes long/],
  ] as const) {
    test(`${name} is refused`, () => assert.throws(() => config.at(name), words));
  }
});

describe('writes', () => {
  test('leave RsvdP alone and clear nothing by accident, by capability', () => {
    const { config, writes } = plain(endpoint().fill(0xff, 0x44, 0x80));
    const express = config.capability('EXP');
    express.LNKCTL.modify({ ASPM: 'Disabled' });
    express.DEVSTA.modify({ CORRECTABLE: 1 });
    express.DEVSTA.modify({});
    express.LNKSTA.modify({});
    config.capability('AER').UNCORRECTABLE_STATUS.modify({ MALFORMED: 1 });
    assert.deepEqual(writes, [
      [0x50, 16, 0xfffc], // bits 15, 14 and 12 are reserved
      [0x4a, 16, 0x0031], // TRANSACTIONS_PENDING, AUX_POWER; of what is reserved nothing
      [0x4a, 16, 0x0030],
      [0x52, 16, 0x3fff],
      [0x104, 32, 1 << 18],
    ]);
  });
  test('also where one access covers a control and a status register', () => {
    const { config, writes } = plain(endpoint().fill(0xff, 0x44, 0x80));
    config.at('CAP_EXP+8.l').modify({ 'EXP.DEVCTL.RELAXED_ORDERING': 0 });
    config.at('COMMAND.l').modify(0x4, 0x4);
    config.at('CAP_EXP+8.l').modify(0x0001_0000, 0x0001_0000);
    assert.deepEqual(writes, [
      [0x48, 32, 0x0030_ffef],
      [0x04, 32, 0x0010_0004],
      [0x48, 32, 0x0031_ffff],
    ]);
  });
  test('by bits: a mask, and what is outside of it stays', () => {
    const { config, writes } = plain(endpoint().fill(0xa5, 0xf0, 0xf4));
    config.at('f0.l').modify(0x10, 0xf0);
    assert.deepEqual(writes, [[0xf0, 32, 0xa5a5_a515]]);
    assert.throws(() => config.at('f0.l').modify(0x100, 0xf0), /bits are set outside the mask 0xf0/);
    assert.throws(() => config.at('f0.b').modify(0, 0x1ff), /no mask of 8 bits/);
    assert.throws(
      () => (config.at('f0.b') as unknown as { modify(bits: number): void }).modify(1),
      /the mask is missing/,
    );
    assert.equal(writes.length, 1);
  });
  test('of what is read-only are refused', () => {
    const { config, writes } = plain(endpoint());
    assert.throws(() => config.at('VENDOR_ID').write(1), /read-only/);
    assert.throws(() => config.at('CAP_EXP+c.l').modify({ SPEED: 1 }), /its access is ro/);
    assert.throws(() => config.at('VENDOR_ID.b').write(1), /read-only/);
    assert.deepEqual(writes, []);
  });
  test("a register that this form of the capability lacks is refused, and so is one of another capability's bytes", () => {
    const bytes = endpoint();
    bytes[0x42] = 0x01;
    const { config } = plain(bytes);
    const express = config.capability('EXP');
    assert.equal(express.LNKSTA.read().WIDTH, 0);
    for (const name of ['SLTCTL', 'ROOTSTA', 'LNKCTL2'] as const) {
      assert.throws(() => express[name], /card\/config\/\w+: register: this device has no such register/, name);
    }
    const last = endpoint();
    last[0x34] = 0xf4;
    last.set([0x10, 0x00, 0x42, 0x00], 0xf4); // a root port, which has more registers than fit below 0x100
    const { ROOTSTA } = LAYOUT;
    assert.ok(0xf4 + ROOTSTA.offset > 0x100);
    assert.throws(() => plain(last).config.capability('EXP').ROOTSTA, /this device has no such register/);
    assert.equal(plain(last).config.capability('EXP').DEVCTL.offset, 0xfc);
    assert.equal(plain(last).config.at('100.l').name, 'AER.HEAD');
    assert.throws(() => config.capability('VNDR', 2), /it has 2 of them, from 0/);
    assert.throws(
      () => config.capability('MSI'),
      /capability\('MSI'\): no such capability; it has EXP, VNDR, VNDR, AER/,
    );
  });
  test('reach the simulated card', () => {
    using device = open('sim:edu');
    device.config.at('COMMAND').modify({ MASTER: 1 });
    assert.equal(device.config.header().COMMAND.MASTER, 1);
    device.config.at('04.w').modify(0, 0x4);
    assert.equal(device.config.header().COMMAND.MASTER, 0);
    const { ADDRESS } = device.config.capability('MSI');
    ADDRESS.write(0xfee0_0000);
    assert.equal(device.cap('MSI').ADDRESS, 0xfee0_0000);
    ADDRESS.modify(0x1000, 0xf000);
    assert.equal(device.config.at('CAP_MSI+4').read().raw, 0xfee0_1000);
  });
});

test('types: what a capability can be asked is known to the field', () => {
  const never = ({ config }: { config: Config }) => {
    const { LNKCTL, LNKCAP } = config.capability('EXP');
    LNKCTL.modify({ ASPM: 'L1 Enabled' });
    const aspm: string | number = LNKCTL.read().ASPM;
    config.capability('ACS').CTRL.modify({ SOURCE_VALIDATION: 1 });
    config.capability('MSI').ADDRESS.write(aspm as number);
    // @ts-expect-error a field that is not there
    LNKCTL.modify({ ASMP: 0 });
    // @ts-expect-error a name that the field does not have
    LNKCTL.modify({ ASPM: 'L2' });
    // @ts-expect-error a read-only register
    LNKCAP.write(0);
    // @ts-expect-error a misspelt capability
    config.capability('EXPRESS');
  };
  assert.equal(typeof never, 'function');
});

test('a dump is a device to read: the same data', () => {
  const bytes = endpoint();
  const file = join(folder, 'one.txt');
  writeFileSync(file, dumpText('0000:03:00.0', bytes));
  using device = open(`dump:${file}`);
  assert.equal(device.path, `dump:${file}#0000:03:00.0`);
  assert.deepEqual(device.config.space().bytes, parseDump(dumpText('x', bytes).replace('x', '03:00.0'))[0]?.bytes);
  assert.deepEqual(
    device.capabilities().map(({ name }) => name),
    ['EXP', 'VNDR', 'VNDR', 'AER'],
  );
});
