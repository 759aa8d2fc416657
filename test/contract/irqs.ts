/** The contract's part about interrupts: what ends a wait, masking, what is refused. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { ClosedError, HEADER, TimeoutError, UsageError } from '../../lib/index.js';
import { acknowledge, type On, PATIENCE, raise, registers, spinUntil } from './edu.js';

export function irqContract(spec: string, on: On): void {
  describe(`interrupts of ${spec}`, () => {
    on('MSI: a wait ends when the card fires', async (dev) => {
      dev.busMaster(true);
      const [irq] = dev.enableIrqs('msi');
      const edu = registers(dev);
      edu.STATUS.modify({ IRQ: 1 });
      const fired = irq.wait({ timeout: PATIENCE });
      edu.FACTORIAL.write(5);
      assert.equal(await fired, 1);
      assert.equal(edu.IRQ_STATUS.read().FACTORIAL, 1);
      acknowledge(dev);
      assert.equal(edu.FACTORIAL.read(), 120);
    });

    on('a wait returns at once for what fired since the last one, and no firing is lost', async (dev) => {
      dev.busMaster(true);
      const [irq] = dev.enableIrqs('msi');
      for (let round = 1; round <= 3; round++) {
        raise(dev);
        acknowledge(dev);
        spinUntil(() => irq.count === round, 'count');
      }
      assert.equal(await irq.wait({ timeout: PATIENCE }), 3);
      await assert.rejects(irq.wait({ timeout: 20 }), TimeoutError);
      assert.equal(irq.count, 3);
    });

    on('waits queue first come first served', async (dev) => {
      const [irq] = dev.enableIrqs('msi');
      const order: string[] = [];
      const first = irq.wait({ timeout: PATIENCE }).then(() => order.push('first'));
      const second = irq.wait({ timeout: PATIENCE }).then(() => order.push('second'));
      irq.trigger();
      await first;
      assert.deepEqual(order, ['first']);
      irq.trigger();
      await second;
      assert.deepEqual(order, ['first', 'second']);
    });

    on('an aborted wait is gone and takes no later interrupt', async (dev) => {
      const [irq] = dev.enableIrqs('msi');
      const controller = new AbortController();
      const wait = irq.wait({ timeout: PATIENCE, signal: controller.signal });
      controller.abort(new Error('enough'));
      await assert.rejects(wait, /enough/);
      await assert.rejects(irq.wait({ signal: controller.signal }), /enough/);
      irq.trigger();
      assert.equal(await irq.wait({ timeout: PATIENCE }), 1);
    });

    on('a timeout names bus mastering when that is off', async (dev) => {
      const [irq] = dev.enableIrqs('msi');
      raise(dev);
      await assert.rejects(irq.wait({ timeout: 50 }), /bus mastering is off.*dev\.busMaster\(true\)/);
      acknowledge(dev);
    });

    on('bad timeouts are refused', async (dev) => {
      const [irq] = dev.enableIrqs('msi');
      for (const timeout of [-1, Number.NaN, '5'])
        await assert.rejects(irq.wait({ timeout: timeout as number }), UsageError);
    });

    on('INTx fires once, masks itself, and fires again after unmask while the line is high', async (dev) => {
      const [irq] = dev.enableIrqs('intx');
      raise(dev);
      assert.equal(await irq.wait({ timeout: PATIENCE }), 1);
      assert.ok(irq.masked);
      await assert.rejects(irq.wait({ timeout: 50 }), /masked since it last fired.*irq\.unmask\(\)/);
      irq.unmask();
      await irq.wait({ timeout: PATIENCE });
      acknowledge(dev);
      irq.unmask();
      assert.ok(!irq.masked);
      raise(dev);
      await irq.wait({ timeout: PATIENCE });
      acknowledge(dev);
    });

    on('INTx masked by hand stays silent until it is unmasked', async (dev) => {
      const [irq] = dev.enableIrqs('intx');
      irq.mask();
      raise(dev);
      await assert.rejects(irq.wait({ timeout: 50 }), TimeoutError);
      irq.unmask();
      await irq.wait({ timeout: PATIENCE });
      acknowledge(dev);
    });

    on('a timeout names INTx disabled in COMMAND', async (dev) => {
      const [irq] = dev.enableIrqs('intx');
      const { COMMAND } = dev.config.registers(HEADER);
      COMMAND.modify({ INTX_DISABLE: 1 });
      await assert.rejects(irq.wait({ timeout: 20 }), /INTX_DISABLE/);
      COMMAND.modify({ INTX_DISABLE: 0 });
    });

    on('a software trigger goes the whole way from the kernel', async (dev) => {
      const [irq] = dev.enableIrqs('msi');
      irq.trigger();
      irq.trigger();
      assert.ok((await irq.wait({ timeout: PATIENCE })) >= 1);
      spinUntil(() => irq.count === 2, 'count');
    });

    on('iteration yields counts until the interrupt is disabled', async (dev) => {
      const [irq] = dev.enableIrqs('msi');
      let total = 0;
      irq.trigger();
      for await (const count of irq) {
        total += count;
        if (total < 3) irq.trigger();
        else dev.disableIrqs('msi');
      }
      assert.equal(total, 3);
    });

    on('disabling ends waits, and the interrupt can be enabled again', async (dev) => {
      const [irq] = dev.enableIrqs('msi');
      const wait = irq.wait({ timeout: PATIENCE });
      dev.disableIrqs();
      await assert.rejects(wait, ClosedError);
      await assert.rejects(irq.wait(), ClosedError);
      const [again] = dev.enableIrqs('msi');
      again.trigger();
      await again.wait({ timeout: PATIENCE });
    });

    on('closing ends waits', async (dev) => {
      const [irq] = dev.enableIrqs('msi');
      const wait = irq.wait({ timeout: PATIENCE });
      dev.close();
      await assert.rejects(wait, /was closed/);
    });

    on('INTx and MSI by turns, never together', async (dev) => {
      for (const kind of ['intx', 'msi', 'intx'] as const) {
        const [irq] = dev.enableIrqs(kind);
        const other = kind === 'intx' ? 'msi' : 'intx';
        assert.throws(() => dev.enableIrqs(other), /disableIrqs/);
        assert.throws(() => dev.enableIrqs(kind), /enabled already/);
        irq.trigger();
        await irq.wait({ timeout: PATIENCE });
        dev.disableIrqs(kind);
      }
    });

    const badIrqs: [string, () => [unknown, unknown?], RegExp][] = [
      ['MSI-X, which the card does not have', () => ['msix'], /no MSI-X; it has INTx \(1\), MSI \(1\)/],
      ['more vectors than the card has', () => ['msi', 2], /2 vectors of MSI; it has/],
      ['no vector', () => ['msi', 0], /0 vectors/],
      ['half a vector', () => ['msi', 0.5], /0.5 vectors/],
      ['an unknown kind', () => ['nmi'], /unknown kind 'nmi'/],
    ];
    for (const [what, args, words] of badIrqs) {
      on(`${what} is refused`, (dev) => {
        assert.throws(
          () => dev.enableIrqs(...(args() as ['msi', number?])),
          (error) => error instanceof UsageError && words.test(error.message),
        );
        dev.enableIrqs('msi');
      });
    }

    on('masking MSI is refused: VFIO has no such thing', (dev) => {
      const [irq] = dev.enableIrqs('msi');
      assert.throws(() => irq.mask(), /INTx only/);
      assert.throws(() => irq.unmask(), /INTx only/);
    });
  });
}
