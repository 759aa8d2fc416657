/** The card goes away while it is open: on the simulator, in this process and in a kernel. On the kernel's VFIO: vm/inside/gone.ts. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type CardEvent, ClosedError, GoneError, open, UsageError } from '../lib/index.js';
import { toText } from '../lib/print.js';
import { VIEW } from '../lib/view.js';
import { Bench, until } from './kernel-bench.js';
import { needs } from './needs.js';
import { Tmux } from './tmux.js';

const TAKEN = /the card was taken away at \d\d:\d\d:\d\d: its driver asked for it \(REQ\); give it to vfio-pci again/;

describe('in this process', () => {
  test('an event; what was awaited ends, later calls say what happened, and the card can be opened again', async () => {
    const dev = open('sim:edu');
    const bar = dev.bar(0);
    const buffer = dev.dma(4096);
    const [irq] = dev.enableIrqs('msi');
    const event = new Promise<CardEvent>((resolve) => dev.onEvent(resolve));
    const waiting = assert.rejects(irq.wait({ timeout: 60_000 }), TAKEN);
    dev.rehearse('req');
    const { kind, at, message } = await event;
    await waiting;
    assert.deepEqual([kind, at instanceof Date, dev.closed, buffer.freed], ['req', true, true, true]);
    assert.match(message, /^sim:edu was taken away at .*\(REQ\)$/);
    for (const act of [() => bar.read32(0), () => bar.write32(4, 0), () => dev.config.read8(0), () => dev.dma(4096)]) {
      assert.throws(
        act,
        (error) => error instanceof GoneError && error instanceof ClosedError && TAKEN.test(error.message),
      );
    }
    await assert.rejects(irq.wait(), TAKEN);
    assert.match(toText(dev[VIEW]()), /simulator, was taken away at/);
    dev.close();
    open('sim:edu').close();
  });

  test('a listener that is taken away hears nothing', async () => {
    const dev = open('sim:edu');
    const heard: string[] = [];
    const end = dev.onEvent(() => heard.push('first'));
    dev.onEvent(() => heard.push('second'));
    end();
    dev.rehearse('req');
    await until(() => heard.length > 0, 'the event');
    assert.deepEqual(heard, ['second']);
  });

  test('whoever enables REQ has it alone, until it is disabled', async () => {
    const dev = open('sim:edu');
    const [irq] = dev.enableIrqs('req');
    irq.trigger();
    assert.equal(await irq.wait({ timeout: 10_000 }), 1);
    assert.equal(dev.closed, false);
    dev.disableIrqs('req');
    const event = new Promise<CardEvent>((resolve) => dev.onEvent(resolve));
    dev.rehearse('req');
    assert.equal((await event).kind, 'req');
  });

  test('what the device does not have cannot be rehearsed', () => {
    using dev = open('sim:edu');
    assert.throws(() => dev.rehearse('err'), UsageError);
  });

  test('it keeps no process alive', () => {
    // This very process ends with a card open, and is watched over by the runner.
    open('sim:edu');
  });
});

describe('in a kernel', { timeout: 300_000 }, () => {
  let bench: Bench;
  before(async () => {
    bench = await Bench.start();
  });
  after(() => bench.end());

  for (const [what, spin] of [
    ['a cell that spins on the card', 'for (;;) dev.bar(0).read32(0)'],
    ['a cell that spins on nothing', 'for (;;) {}'],
    ['a cell that is deaf', "/(a+)+b/.test('a'.repeat(40))"],
    ['a cell that waits for an interrupt', 'await irq.wait({ timeout: Infinity })'],
  ] as const) {
    test(`${what} ends, a message says why, and the card can be opened again`, async () => {
      // Main does not return to its event loop after the rehearsal: only io can hear of it.
      const opened = await bench.run("var dev = open('sim:edu'); var [irq] = dev.enableIrqs('msi')");
      assert.equal(opened.reply.status, 'ok', opened.reply.evalue);
      const { reply, stderr } = await bench.run(`dev.rehearse('req'); ${spin}`);
      assert.equal(reply.status, 'error');
      assert.match(String(reply.ename), /^(GoneError|KeyboardInterrupt)$/);
      assert.match(stderr, /^sim:edu was taken away at \d\d:\d\d:\d\d: its driver asked for it \(REQ\)$/m);
      const later = await bench.run('dev.bar(0).read32(0)');
      assert.equal(later.reply.ename, 'GoneError');
      assert.match(String(later.reply.evalue), TAKEN);
      assert.deepEqual(await bench.value('dev.closed'), true);
    });
  }

  test('while no cell runs the message comes beside the last one', async () => {
    const heard: string[] = [];
    await bench.run("var dev = open('sim:edu'); setTimeout(() => dev.rehearse('req'), 300)", {
      onOutput: (output) => {
        if (output.type === 'stream') heard.push(output.text);
      },
    });
    await until(() => heard.join('').includes('was taken away'), 'the message');
    const { result, reply } = await bench.run("dev = open('sim:edu'); dev.bar(0).read32(0)");
    assert.equal(result ?? reply.evalue, String(0x010000ed));
  });
});

test('at the prompt a cell that never ends is interrupted, and the message says why', needs('tmux'), async () => {
  const cli = join(import.meta.dirname, '..', 'repl', 'cli.js');
  using terminal = new Tmux(`'${process.execPath}' '${cli}'; read end`, {
    columns: 100,
    env: { VFIOLAB_DEVICE: 'sim:edu' },
  });
  await terminal.until(/^1> const dev/m);
  terminal.enter("dev.rehearse('req'); for (;;) {}");
  // Not before the cell has ended: what is entered behind a cell that fails is not run.
  await terminal.until(
    /^sim:edu was taken away at [\d:]+: its driver asked for it \(REQ\)\n(?:.*\n)*?KeyboardInterrupt(?:.*\n)*?\d+>$/m,
  );
  terminal.enter('dev.closed');
  await terminal.until(/^\d+> dev\.closed\n(?:.*\n)*?true$/m);
});
