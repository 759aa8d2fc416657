/** The contract's part about a bring-up session: polling with a deadline, what changed, writes that are looked at, dumps that disturb nothing. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { hexdiff, LabError, r32, snapshot, TimeoutError, until, VIEW } from '../../lib/index.js';
import { type On, PATIENCE, registers } from './edu.js';

export function bringUpContract(spec: string, on: On): void {
  describe(`bringing up ${spec}`, () => {
    on('until polls a register with a deadline, while the event loop goes on', async (dev) => {
      const edu = registers(dev);
      let turns = 0;
      const timer = setInterval(() => turns++, 1);
      edu.FACTORIAL.write(12);
      const done = await until(() => edu.STATUS.read().COMPUTING === 0 && edu.FACTORIAL.read(), { timeout: PATIENCE });
      assert.equal(done, 479_001_600);
      const late = until(() => edu.ID.read().MAGIC === 0, { timeout: 20 });
      await assert.rejects(late, (error) => {
        assert.ok(error instanceof TimeoutError);
        assert.match(error.message, /^until: edu\.ID\.read\(\)\.MAGIC === 0: still false after 20 ms; /);
        return true;
      });
      clearInterval(timer);
      assert.ok(turns > 0, 'timers ran meanwhile');
    });

    on('until is interrupted by its signal', async (dev) => {
      const stop = new AbortController();
      const waiting = until(() => registers(dev).ID.read().MAGIC === 0, {
        timeout: Number.POSITIVE_INFINITY,
        signal: stop.signal,
      });
      setTimeout(() => stop.abort(new Error('enough')), 5);
      await assert.rejects(waiting, /enough/);
    });

    on('a snapshot tells by fields what changed since another', (dev) => {
      const edu = registers(dev);
      edu.STATUS.write({ IRQ: 0 });
      const before = snapshot(edu);
      edu.STATUS.write({ IRQ: 1 });
      const changed = String(snapshot(edu).since(before));
      assert.match(changed, /: 1 changed\n +STATUS +0x00000000 +→ +0x00000080 +IRQ 0 → 1$/);
      edu.STATUS.write({ IRQ: 0 });
    });

    on('two dumps are compared byte for byte', (dev) => {
      const bar = dev.bar(0);
      bar.write32(0x04, 0);
      const before = bar.readBlock(0, 16);
      bar.write32(0x04, 0xff);
      const difference = hexdiff(before, bar.readBlock(0, 16));
      assert.deepEqual([difference.count, difference.runs], [1, [{ offset: 4, length: 1 }]]);
      assert.match(String(difference[VIEW]()), /00000000 +ed 00 00 01 ff ff/);
    });

    on('change looks whether the fields took', (dev) => {
      const status = registers(dev).STATUS;
      assert.equal(status.change({ IRQ: 1 }).IRQ, 1);
      assert.equal(status.change({ IRQ: 0 }).IRQ, 0);
      // It reads back as the inverse of what was written.
      const { LIVENESS } = dev.bar(0).registers({ LIVENESS: r32(0x04, { HIGH: [31, 8], LOW: [7, 0] }) });
      assert.throws(
        () => LIVENESS.change({ LOW: 5 }),
        (error) => {
          assert.ok(error instanceof LabError);
          assert.match(error.message, /\+0x4 LIVENESS: change: LOW reads 0xfa, not 0x5; /);
          return true;
        },
      );
    });

    on('a dump leaves out the registers that reading would change', (dev) => {
      const bar = dev.bar(0);
      const plain = String(bar.dump(0, 16));
      bar.registers({ POP: r32(0x04, {}, 'rclr') });
      const careful = String(bar.dump(0, 16));
      assert.match(plain, /^ *00000000 +010000ed [0-9a-f]{8} /m);
      assert.match(careful, /bar0, not read: POP\n +00000000 +010000ed -{8} /);
    });
  });
}
