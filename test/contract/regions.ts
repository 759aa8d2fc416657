/** The contract's part about regions: accesses of each width, config space, what is refused before the card is touched, faults. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { inspect } from 'node:util';
import { BusError, HEADER, UsageError } from '../../lib/index.js';
import type { On } from './edu.js';

export function regionContract(spec: string, on: On): void {
  describe(`regions of ${spec}`, () => {
    on('a register is read and written at its width', (dev) => {
      const bar = dev.bar(0);
      bar.write32(0x04, 0x1234_5678);
      assert.equal(bar.read32(0x04), 0xedcb_a987);
      bar.write32(0x04, 0xffff_ffff);
      assert.equal(bar.read32(0x04), 0);
      assert.equal(bar.read(0x00, 32), 0x0100_00ed);
    });

    on('64 bits are a bigint, exactly', (dev) => {
      const bar = dev.bar(0);
      bar.write64(0x80, 0x0fed_cba9_8765_4321n);
      assert.equal(bar.read64(0x80), 0x0fed_cba9_8765_4321n);
      bar.write64(0x80, 7n);
      assert.equal(bar.read64(0x80), 7n);
    });

    on('a block is read and written register by register', (dev) => {
      const bar = dev.bar(0);
      bar.writeBlock(0x04, Uint8Array.of(1, 2, 3, 4));
      assert.deepEqual([...bar.readBlock(0, 8)], [0xed, 0, 0, 1, 0xfe, 0xfd, 0xfc, 0xfb]);
      bar.writeBlock(
        0x80,
        Uint8Array.from({ length: 16 }, (_, index) => index),
        64,
      );
      assert.deepEqual([...bar.readBlock(0x80, 16, 64)], [...Array(16).keys()]);
      assert.equal(bar.readBlock(0, 0).length, 0);
    });

    on('a dump shows what was read', (dev) => {
      assert.match(String(dev.bar(0).dump(0, 16)), /00000000 {2}010000ed/);
    });

    on('config space is read in 8, 16 and 32 bits, and written', (dev) => {
      assert.equal(dev.config.read32(0), 0x11e8_1234);
      assert.equal(dev.config.read16(2), 0x11e8);
      assert.equal(dev.config.read8(1), 0x12);
      dev.config.write8(0x3c, 0x55);
      assert.equal(dev.config.read8(0x3c), 0x55);
      dev.busMaster(true);
      assert.equal(dev.config.read16(4) & 4, 4);
      dev.busMaster(false);
      assert.equal(dev.config.read16(4) & 4, 0);
    });

    on('config space by name: read as data, written by field', (dev) => {
      const header = dev.config.header();
      assert.deepEqual([header.layout, header.VENDOR_ID, header.COMMAND.MASTER], ['device', 0x1234, 0]);
      assert.deepEqual(
        header.bars.map(({ index, kind, type, size }) => [index, kind, type, size]),
        [[0, 'memory', '32-bit', 0x10_0000]],
      );
      const { raw } = dev.config.at('COMMAND').read();
      dev.config.at('COMMAND').modify({ MASTER: 1 });
      assert.equal(dev.config.read16(4), raw | 4);
      dev.config.at('4.l').modify(0, 4); // over STATUS too, whose write-1-to-clear bits it leaves alone
      assert.equal(dev.config.read16(4), raw);
      assert.equal(header.COMMAND.raw, raw, 'data do not change');

      const { offset, CONTROL } = dev.cap('MSI');
      const msi = dev.config.capability('MSI');
      assert.equal(msi.CONTROL.read().raw, CONTROL.raw);
      msi.ADDRESS.write(0xfee0_0000);
      msi.ADDRESS.modify(0x1000, 0xf000);
      assert.equal(dev.config.at('CAP_MSI+4').read().raw, 0xfee0_1000);
      assert.equal(dev.config.read32(offset + 4), 0xfee0_1000);
      assert.deepEqual(
        dev.capabilities().flatMap((one) => (one.name === 'MSI' ? [one.ADDRESS] : [])),
        [0xfee0_1000],
      );
      assert.match(String(dev.config.lspci()), /\[40\] MSI: Enable- .*\n\t\tAddress: 00000000fee01000 {2}Data: 0000/);
    });

    on('64 bits in config space are refused', (dev) => {
      assert.throws(() => dev.config.read64(0), UsageError);
      assert.throws(() => dev.config.write64(0, 0n), UsageError);
    });

    const badOffsets: [string, unknown][] = [
      ['misaligned', 2],
      ['negative', -4],
      ['fractional', 4.5],
      ['NaN', Number.NaN],
      ['infinite', Number.POSITIVE_INFINITY],
      ['just past the end', 1024 * 1024],
      ['far past the end', 2 ** 52],
      ['a bigint', 4n],
      ['a string', '4'],
      ['missing', undefined],
    ];
    for (const [what, offset] of badOffsets) {
      on(`an offset that is ${what} is refused before the card is touched`, (dev) => {
        const bar = dev.bar(0);
        for (const access of [
          () => bar.read32(offset as number),
          () => bar.write32(offset as number, 0),
          () => bar.readBlock(offset as number, 4),
          () => bar.writeBlock(offset as number, new Uint8Array(4)),
        ]) {
          assert.throws(access, (error) => error instanceof UsageError && error.message.includes('/bar0'));
        }
      });
    }

    const badValues: unknown[] = [-1, 2 ** 32, 0.5, Number.NaN, 1n, '1', undefined];
    for (const value of badValues) {
      on(`${inspect(value)} is refused as a 32-bit value`, (dev) => {
        dev.bar(0).write32(4, 1);
        assert.throws(() => dev.bar(0).write32(4, value as number), /not a 32-bit value/);
        assert.equal(dev.bar(0).read32(4), 0xffff_fffe, 'nothing was written');
      });
    }

    on('values too large for 8, 16 and 64 bits, and numbers as 64 bits, are refused', (dev) => {
      const bar = dev.bar(0);
      assert.throws(() => bar.write8(4, 0x100), UsageError);
      assert.throws(() => bar.write16(4, 0x1_0000), UsageError);
      assert.throws(() => bar.write64(0x80, 1n << 64n), UsageError);
      assert.throws(() => bar.write64(0x80, -1n), UsageError);
      assert.throws(() => bar.write64(0x80, 1 as never), UsageError);
    });

    on('a width other than 8, 16, 32 or 64 is refused', (dev) => {
      for (const width of [0, 1, 24, 128, Number.NaN, '32']) {
        assert.throws(() => dev.bar(0).read(0, width as never), UsageError);
        assert.throws(() => dev.bar(0).readBlock(0, 16, width as never), UsageError);
      }
    });

    on('a block that is too long or no multiple of the width is refused', (dev) => {
      assert.throws(() => dev.bar(0).readBlock(0, 1024 * 1024 + 4), UsageError);
      assert.throws(() => dev.bar(0).readBlock(0, 6), UsageError);
      assert.throws(() => dev.bar(0).readBlock(0, -4), UsageError);
      assert.throws(() => dev.bar(0).writeBlock(4, new Uint8Array(3)), UsageError);
    });

    on('a BAR or region that the card does not have is refused, naming those it has', (dev) => {
      for (const region of [() => dev.bar(1), () => dev.bar(-1), () => dev.bar(0.5), () => dev.region('rom')]) {
        assert.throws(region, /it has bar0, config/);
      }
    });

    on('with memory decoding off a read is a BusError, and the session goes on', (dev) => {
      const { COMMAND } = dev.config.registers(HEADER);
      COMMAND.modify({ MEM: 0 });
      for (const access of [
        () => dev.bar(0).read32(0),
        () => dev.bar(0).read64(0x80),
        () => dev.bar(0).write32(4, 1),
        () => dev.bar(0).readBlock(0, 64),
        () => dev.bar(0).writeBlock(4, new Uint8Array(4)),
      ]) {
        assert.throws(
          access,
          (error) => error instanceof BusError && /\/bar0\+0x[0-9a-f]+: .*COMMAND/.test(error.message),
        );
      }
      COMMAND.modify({ MEM: 1 });
    });
  });
}
