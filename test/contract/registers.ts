/** The contract's part about registers: fields by name, what is refused, and that looking reads nothing. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { inspect } from 'node:util';
import { EDU, HEADER, r32, UsageError, VIEW } from '../../lib/index.js';
import { type On, registers } from './edu.js';

export function registerContract(spec: string, on: On): void {
  describe(`registers of ${spec}`, () => {
    on('fields are read by name and changed one by one', (dev) => {
      const edu = registers(dev);
      assert.deepEqual({ ...edu.ID.read() }, { raw: 0x0100_00ed, MAJOR: 1, MINOR: 0, MAGIC: 0xed });
      edu.STATUS.modify({ IRQ: 1 });
      assert.equal(edu.STATUS.read().IRQ, 1);
      edu.STATUS.write({});
      assert.equal(edu.STATUS.read().IRQ, 0);
    });

    on('a read-modify-write clears no write-1-to-clear bit that it does not name', (dev) => {
      const map = { LIVENESS: r32(0x04, { ENABLE: 0, LATCH: [1, 1, 'w1c'] }) }; // it reads back the inverse
      const { LIVENESS } = dev.bar(0).registers(map);
      const bar = dev.bar(0);
      for (const [change, written] of [
        [{ ENABLE: 0 }, 0xffff_fffc],
        [{ ENABLE: 1 }, 0xffff_fffd],
        [{ LATCH: 1 }, 0xffff_ffff],
      ] as const) {
        bar.write32(0x04, 0);
        LIVENESS.modify(change);
        assert.equal(~bar.read32(0x04) >>> 0, written);
      }
    });

    on('bad fields and bad access modes are refused before the card is touched', (dev) => {
      const edu = registers(dev) as unknown as Record<
        string,
        { read(): unknown; write(v: unknown): void; modify(v: unknown): void }
      >;
      edu.STATUS?.write({ IRQ: 1 });
      for (const bad of [
        () => edu.STATUS?.modify({ IQR: 1 }),
        () => edu.STATUS?.modify({ COMPUTING: 1 }),
        () => edu.STATUS?.write({ IRQ: 2 }),
        () => edu.ID?.write(1),
        () => edu.IRQ_RAISE?.read(),
        () => edu.IRQ_RAISE?.modify({}),
      ]) {
        assert.throws(bad, (error) => error instanceof UsageError && /bar0\+0x[0-9a-f]+ [A-Z_]+: /.test(error.message));
      }
      assert.equal(registers(dev).STATUS.read().IRQ, 1);
      edu.STATUS?.write(0);
    });

    on('a map that does not fit the region is refused when it is bound', (dev) => {
      const past = { X: { ...EDU.ID, offset: 1024 * 1024 } };
      assert.throws(() => dev.bar(0).registers(past), /X: .*outside the region/);
    });

    on('looking at anything reads no register', (dev) => {
      const edu = registers(dev);
      const buf = dev.dma(4096);
      const [irq] = dev.enableIrqs('msi');
      const looked = [dev, dev.bar(0), edu, edu.STATUS, buf, irq];
      dev.config.registers(HEADER).COMMAND.modify({ MEM: 0 }); // a register read would fault
      for (const thing of looked) {
        assert.ok(inspect(thing).length > 0);
        assert.ok(thing[VIEW]().rows.length > 0);
        JSON.stringify(thing, (_key, value) => (typeof value === 'bigint' ? `${value}` : value));
        for (const key in thing) inspect((thing as unknown as Record<string, unknown>)[key]);
      }
      dev.config.registers(HEADER).COMMAND.modify({ MEM: 1 });
    });
  });
}
