/** The contract's part about several interrupts: which are enabled, and what waits for more than one. */
import assert from 'node:assert/strict';
import { writeSync } from 'node:fs';
import { describe } from 'node:test';
import { inspect } from 'node:util';
import { type Device, firings, type Irq, TimeoutError, UsageError, VIEW, waitAny } from '../../lib/index.js';
import { acknowledge, type On, PATIENCE, raise, spinUntil } from './edu.js';

const patience = { timeout: PATIENCE };

/** Two that may be enabled together on every card. */
function two(dev: Device): [Irq, Irq] {
  return [dev.enableIrqs('msi')[0], dev.enableIrqs('req')[0]];
}

export function vectorContract(spec: string, on: On): void {
  describe(`several interrupts of ${spec}`, () => {
    on('without a kind the best one is enabled', (dev) => {
      const [irq] = dev.enableIrqs();
      assert.equal(irq.kind, 'msi');
      dev.disableIrqs();
      assert.throws(() => dev.enableIrqs(undefined, 64), /64 vectors of MSI/);
    });

    on('vectors are enabled by number; those that are not there, or named twice, are refused', (dev) => {
      const [irq] = dev.enableIrqs('msi', { vectors: [0] });
      assert.deepEqual([irq.vector, irq.enabled, dev.enabledIrqs.length], [0, true, 1]);
      dev.disableIrqs('msi', { vectors: [0] });
      assert.equal(irq.enabled, false);
      assert.deepEqual(dev.enabledIrqs, []);
      for (const vectors of [[1], [-1], [0, 0], [], [0.5], ['0']]) {
        const bad = { vectors: vectors as number[] };
        assert.throws(() => dev.enableIrqs('msi', bad), UsageError, inspect(vectors));
      }
      dev.enableIrqs('msi');
    });

    on('waitAny ends with the one that fires; the other keeps its own firings', async (dev) => {
      const [msi, req] = two(dev);
      const any = waitAny([msi, req], patience);
      req.trigger();
      const { irq, count, drainedAt } = await any;
      assert.equal(irq, req);
      assert.equal(count, 1);
      assert.equal(typeof drainedAt, 'bigint');
      msi.trigger();
      req.trigger();
      assert.equal((await waitAny([msi, req], patience)).irq, msi, 'what has fired already: the first named');
      assert.equal(await req.wait(patience), 1, 'nothing of the other was taken');
      await assert.rejects(waitAny([msi, req], { timeout: 20 }), (error) => {
        assert.ok(error instanceof TimeoutError);
        assert.match(error.message, /no interrupt of msi\[0\], req\[0\] within 20 ms: .*bus mastering is off/);
        return true;
      });
      await assert.rejects(waitAny([]), UsageError);
      await assert.rejects(waitAny([msi], { timeout: -1 }), UsageError);
    });

    on('an interrupted waitAny leaves every queue and takes nothing', async (dev) => {
      const [msi, req] = two(dev);
      const controller = new AbortController();
      const any = waitAny([msi, req], { ...patience, signal: controller.signal });
      const behind = req.wait(patience);
      controller.abort(new Error('enough'));
      await assert.rejects(any, /enough/);
      req.trigger();
      assert.equal(await behind, 1);
      msi.trigger();
      assert.equal(await msi.wait(patience), 1);
    });

    on('waitAny queues behind earlier waits and before later ones', async (dev) => {
      const [msi, req] = two(dev);
      const order: string[] = [];
      const waits = [
        req.wait(patience).then(() => order.push('first')),
        waitAny([msi, req], patience).then(() => order.push('any')),
        req.wait(patience).then(() => order.push('last')),
      ];
      for (const wait of waits) {
        req.trigger();
        await wait;
      }
      assert.deepEqual(order, ['first', 'any', 'last']);
    });

    on('firings yields those of several, starves none, and ends when all are disabled', async (dev) => {
      const [msi, req] = two(dev);
      const seen: string[] = [];
      let last = 0n;
      msi.trigger();
      req.trigger();
      for await (const { irq, count, drainedAt } of firings([msi, req])) {
        seen.push(`${irq.kind} ${count}`);
        assert.ok(drainedAt >= last || irq === req);
        last = drainedAt;
        if (seen.length < 5) msi.trigger();
        else if (irq.enabled) dev.disableIrqs(irq.kind);
        if (seen.length === 5) req.trigger();
      }
      assert.deepEqual(seen.slice(0, 2), ['msi 1', 'req 1'], 'the second, though the first had fired again');
      assert.ok(seen.includes('req 1') && seen.length >= 6, seen.join());
      assert.deepEqual(dev.enabledIrqs, []);
    });

    on('disabling one of several ends a waitAny, and firings goes on with the rest', async (dev) => {
      const [msi, req] = two(dev);
      const any = waitAny([msi, req], patience);
      dev.disableIrqs('msi');
      await assert.rejects(any, /was disabled/);
      const all = firings([req, dev.enableIrqs('msi')[0]], patience);
      const next = all.next();
      dev.disableIrqs('msi');
      req.trigger();
      assert.equal((await next).value?.irq, req);
      await all.return();
    });

    on('a drained eventfd is stamped with the time of its draining', async (dev) => {
      const [irq] = dev.enableIrqs('msi');
      assert.equal(irq.drainedAt, undefined);
      const before = process.hrtime.bigint();
      irq.trigger();
      await irq.wait(patience);
      const stamp = irq.drainedAt ?? 0n;
      assert.ok(before < stamp && stamp < process.hrtime.bigint());
      assert.equal(irq.drainedAt, stamp, 'it stays until the next');
      irq.trigger();
      spinUntil(() => (irq.drainedAt ?? 0n) > stamp, 'a second stamp');
    });

    on('a bench gives a histogram of wakes', async (dev) => {
      const [irq] = dev.enableIrqs('msi');
      const bench = await irq.bench({ count: 50, timeout: PATIENCE });
      assert.equal(bench.count, 50);
      assert.equal(bench.samples.length, 50);
      assert.ok(0 < bench.min && bench.min <= bench.median && bench.median <= bench.p99 && bench.p99 <= bench.max);
      assert.equal(
        bench.buckets.reduce((sum, { count }) => sum + count, 0),
        50,
      );
      assert.match(inspect(bench), /msi\[0\], trigger to wake: 50 samples, min .* median .* p99 .* max .*\n.*█/);
      assert.ok(bench[VIEW]().rows.length === bench.buckets.length);
      for (const count of [0, -1, 1.5]) await assert.rejects(irq.bench({ count }), UsageError);
      const wait = irq.wait(patience);
      await assert.rejects(irq.bench({ count: 1 }), /somebody waits/);
      irq.trigger();
      await wait;
      await assert.rejects(irq.bench({ signal: AbortSignal.abort(new Error('enough')) }), /enough/);
      const closing = irq.bench({ count: 1_000_000 });
      dev.disableIrqs('msi');
      await assert.rejects(closing, /was disabled/);
    });

    on('INTx is unmasked by an eventfd, as it is by a call', async (dev) => {
      const [irq] = dev.enableIrqs('intx');
      const unmasker = irq.unmaskBy();
      assert.throws(() => irq.unmaskBy(), /unmasks it already/);
      raise(dev);
      await irq.wait(patience);
      assert.ok(irq.masked);
      unmasker.signal();
      await irq.wait(patience); // the line is still high
      acknowledge(dev);
      unmasker.signal();
      assert.equal(irq.masked, false);
      unmasker.close();
      unmasker.close();
      assert.throws(() => unmasker.signal(), /closed/);
      using again = irq.unmaskBy();
      raise(dev);
      await irq.wait(patience);
      // As another thread or process would, that has the fd alone.
      writeSync(again.fd, new Uint8Array(new BigUint64Array([1n]).buffer));
      await irq.wait(patience);
      acknowledge(dev);
      assert.match(inspect(again), /unmasks when eventfd \d+ is written/);
      dev.disableIrqs('intx');
      assert.ok(again.closed);
      const [msi] = dev.enableIrqs('msi');
      assert.throws(() => msi.unmaskBy(), /INTx only.*ENOTTY/);
    });

    on('a software trigger does not mask INTx, and is not taken for one that does', async (dev) => {
      const [irq] = dev.enableIrqs('intx');
      irq.trigger();
      await irq.wait(patience);
      assert.equal(irq.masked, false);
      raise(dev);
      await irq.wait(patience);
      assert.equal(irq.masked, true);
      acknowledge(dev);
      irq.unmask();
    });

    on('a reset keeps counts and what is masked, and the interrupt goes on', async (dev) => {
      const [irq] = dev.enableIrqs('intx');
      raise(dev);
      await irq.wait(patience);
      dev.reset();
      acknowledge(dev);
      assert.deepEqual([irq.enabled, irq.masked, irq.count], [true, true, 1]);
      raise(dev);
      await assert.rejects(irq.wait({ timeout: 50 }), /masked since it last fired/);
      acknowledge(dev);
      irq.unmask();
      raise(dev);
      await irq.wait(patience);
      acknowledge(dev);
      irq.mask();
      dev.reset();
      raise(dev);
      await assert.rejects(irq.wait({ timeout: 50 }), TimeoutError);
      irq.unmask();
      await irq.wait(patience);
      acknowledge(dev);
    });
  });
}
