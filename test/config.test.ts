/** Config space as data: its lists, its dumps, and the types. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dumpText, parseDump } from '../lib/config/dump.js';
import { lspciText } from '../lib/config/text.js';
import { capabilitiesOf } from '../lib/config/walk.js';
import type { Device } from '../lib/device.js';
import { open } from '../lib/open.js';

/** STATUS.CAP_LIST, and where the list begins. */
const HEADER: readonly Run[] = [
  [0x06, 0x10],
  [0x34, 0x40],
];

/** Bytes, and where they begin. */
type Run = readonly [offset: number, ...bytes: number[]];

function bytesOf(size: number, ...runs: readonly Run[]): Uint8Array {
  const bytes = new Uint8Array(size);
  for (const [offset, ...run] of runs) bytes.set(run, offset);
  return bytes;
}

describe('capability lists', () => {
  const names = (bytes: Uint8Array) => capabilitiesOf({ bytes, path: '' }).map((one) => one.name);
  const text = (bytes: Uint8Array) => lspciText(bytes, { slot: '00:00.0' });

  test('in order; an unknown one with its bytes', () => {
    const bytes = bytesOf(256, ...HEADER, [0x40, 0x05, 0x50], [0x50, 0x7e, 0x60, 0xaa], [0x60, 0x01]);
    assert.deepEqual(names(bytes), ['MSI', '0x7e', 'PM']);
    assert.equal((capabilitiesOf({ bytes, path: '' })[1] as unknown as { bytes: number[] }).bytes.length, 16);
  });
  test('a loop ends', () => {
    const bytes = bytesOf(256, ...HEADER, [0x40, 0x05, 0x50], [0x50, 0x01, 0x40]);
    assert.deepEqual(names(bytes), ['MSI', 'PM']);
    assert.match(text(bytes), /\[40\] <chain looped>\n$/);
  });
  test('all-ones is a broken chain', () => {
    assert.match(text(bytesOf(256, ...HEADER, [0x40, 0xff])), /\[40\] <chain broken>\n$/);
  });
  test('past the bytes, access is denied', () => {
    assert.match(text(bytesOf(64, ...HEADER)), /Capabilities: <access denied>\n$/);
  });
  test('into the header is no reason to stop', () => {
    const bytes = bytesOf(256, ...HEADER, [0x34, 0x10], [0x10, 0x01, 0x40], [0x40, 0x05]);
    assert.deepEqual(names(bytes), ['PM', 'MSI']);
  });
  test('no list where STATUS says so', () => {
    assert.deepEqual(names(bytesOf(256, [0x34, 0x40], [0x40, 0x05])), []);
  });
  test('the list at 0x100 is there with PCI Express only', () => {
    const extended: Run = [0x100, 0x34, 0x12, 0x01];
    assert.deepEqual(names(bytesOf(4096, ...HEADER, extended, [0x40, 0x01])), ['PM']);
    assert.deepEqual(names(bytesOf(4096, ...HEADER, extended, [0x40, 0x10], [0x42, 2])), ['EXP', '0x1234']);
    assert.deepEqual(names(bytesOf(256, ...HEADER, [0x40, 0x10])), ['EXP']);
  });
  test('a register past the bytes is left out, and asking for it says so', () => {
    const [msi] = capabilitiesOf({ bytes: bytesOf(72, ...HEADER, [0x40, 0x05]), path: '0000:01:00.0/config' });
    assert.deepEqual(Object.keys(msi ?? {}).slice(6), ['CONTROL', 'ADDRESS']);
    assert.throws(() => msi?.name === 'MSI' && msi.DATA, /0000:01:00.0\/config\+0x40 MSI.DATA: .*no such register/);
  });
});

describe('dumps', () => {
  const bytes = Uint8Array.from({ length: 4096 }, (_, index) => index & 0xff);
  test('come back as they were written', () => {
    const text = dumpText('0000:01:00.0', bytes) + dumpText('10001:80:05.0', bytes.subarray(0, 64));
    assert.deepEqual(parseDump(text), [
      { slot: '0000:01:00.0', bytes },
      { slot: '10001:80:05.0', bytes: bytes.slice(0, 64) },
    ]);
  });
  test("lspci's words among the rows are skipped", () => {
    const text = `01:00.0 Ethernet controller: Intel\n\tControl: I/O+ Mem+\n00: 86 80 d3 10\n\n`;
    assert.deepEqual(parseDump(text), [{ slot: '01:00.0', bytes: Uint8Array.of(0x86, 0x80, 0xd3, 0x10) }]);
  });
  test('what is no dump is refused', () => {
    assert.throws(() => parseDump('hello', 'FILE'), /FILE: .*no function with bytes/);
    assert.throws(() => parseDump('01:00.0 x\n20: 00\n', 'FILE'), /FILE:2: .*bytes before it are missing/);
  });
});

describe('of an open device', () => {
  test('types reach down to the field', () => {
    const never = (device: Device) => {
      const speed: '16GT/s' | '2.5GT/s' | '5GT/s' | '8GT/s' | '32GT/s' | '64GT/s' | '128GT/s' | number =
        device.cap('EXP').LNKSTA.SPEED;
      const width: number = device.cap('EXP').LNKSTA.WIDTH;
      const log: readonly number[] = device.cap('AER').HEADER_LOG;
      // @ts-expect-error a misspelt capability
      device.cap('EXPRESS');
      // @ts-expect-error a misspelt register
      device.cap('EXP').LNKSTATUS;
      // @ts-expect-error a misspelt field
      device.cap('EXP').LNKSTA.SPED;
      return [speed, width, log];
    };
    assert.equal(typeof never, 'function');
  });
  test('cap() and capabilities() read, and return data', () => {
    using device = open('sim:edu');
    assert.deepEqual(
      device.capabilities().map(({ name, offset }) => [name, offset]),
      [['MSI', 0x40]],
    );
    const { CONTROL } = device.cap('MSI');
    assert.equal(CONTROL.ADDRESS_64, 1);
    assert.equal(CONTROL.ENABLE, 0);
    assert.deepEqual(JSON.parse(JSON.stringify(device.cap('MSI'))).CONTROL.raw, CONTROL.raw);
  });
  test('one that is not there is an error that tells which are', () => {
    using device = open('sim:edu');
    assert.throws(() => device.cap('EXP'), /cap\('EXP'\): no such capability; it has MSI/);
  });
});
