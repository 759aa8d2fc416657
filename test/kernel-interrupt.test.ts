/** Every kind of stuck cell can be stopped; variables, the card and the next cell survive. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Output } from '../kernel/client.js';
import { Interrupter } from '../kernel/interrupt.js';
import { SHARED } from '../kernel/threads.js';
import { Bench } from './kernel-bench.js';

/** Cells that never end; each prints when it is about to get stuck. */
const STUCK = {
  'an endless await': "console.log('go'); await new Promise(() => {})",
  'an endless loop': "console.log('go'); while (true) {}",
  'a loop without a block': "console.log('go'); for (;;);",
  'a loop after an await': "await new Promise((r) => setTimeout(r, 5)); console.log('go'); for (;;) {}",
  'a loop in a function of an earlier cell': "console.log('go'); spin()",
  'a regular expression': "console.log('go'); /(a+)+b/.test('a'.repeat(40))",
  'a regular expression after an await': "await null; console.log('go'); /(a+)+b/.test('a'.repeat(40))",
  'a regular expression among immediates':
    "setImmediate(() => { console.log('go'); /(a+)+b/.test('a'.repeat(40)) }); setImmediate(() => {}); await new Promise(() => {})",
  'a loop inside a library': "console.log('go'); Array.from({ length: 1e9 }, (_, i) => i).sort(() => 1)",
  'an async loop': "console.log('go'); while (true) await new Promise((r) => setTimeout(r, 1))",
  'promises that make promises':
    "console.log('go'); const again = (): Promise<void> => Promise.resolve().then(again); await again()",
  'waiting for an interrupt of the card': "console.log('go'); await irq.wait({ timeout: Infinity })",
  'waiting for the first of several': "console.log('go'); await waitAny([irq], { timeout: Infinity })",
  'iterating over the firings of several':
    "console.log('go'); for await (const { count } of firings([irq])) console.log(count)",
  'a bench of an interrupt': "console.log('go'); await irq.bench({ count: 1e9 })",
  'a loop that polls the card': "console.log('go'); while (card.bar(0).read32(0) !== 1) {}",
};

/** Acts when the cell says that it is about to get stuck. */
function onGo(act: () => unknown): (output: Output) => void {
  return (output) => {
    if (output.type === 'stream' && output.text.endsWith('go\n')) act();
  };
}

/** Resident memory, KiB. */
function resident(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

describe('interrupt', { timeout: 300_000 }, () => {
  let bench: Bench;
  before(async () => {
    bench = await Bench.start();
    const setUp = await bench.run(
      "const keep = { n: 42 }; function spin() { while (true) keep.n; } const card = open('sim:edu'); const [irq] = card.enableIrqs('msi')",
    );
    assert.equal(setUp.reply.status, 'ok', setUp.reply.evalue);
  });
  after(() => bench.end());

  for (const [what, code] of Object.entries(STUCK)) {
    test(`${what} is interrupted, and the next cell runs`, async () => {
      let asked = 0;
      const onOutput = onGo(() => {
        asked = performance.now();
        void bench.kernel.interrupt();
      });
      const { reply } = await bench.run(code, { onOutput });
      const took = performance.now() - asked;
      assert.equal(reply.status, 'error');
      assert.equal(reply.ename, 'KeyboardInterrupt');
      assert.ok(took < 5000, `${took} ms`);
      assert.deepEqual(await bench.value('[keep.n, card.closed]'), [42, false]);
      // Node's own queues are whole: timers, immediates, sockets' callbacks.
      const alive = await bench.run(
        'await new Promise((r) => setTimeout(r, 1)); await new Promise((r) => setImmediate(r)); 1',
      );
      assert.equal(alive.result, '1', alive.reply.evalue);
    });
  }

  test('finally runs, its own loops whole', async () => {
    const { reply, stdout } = await bench.run(
      "try { console.log('go'); while (true) {} } finally { for (let i = 0; i < 3; i++) console.log(i) }",
      { onOutput: onGo(() => bench.kernel.interrupt()) },
    );
    assert.equal(reply.ename, 'KeyboardInterrupt');
    assert.equal(stdout, 'go\n0\n1\n2\n');
  });

  test('an interrupted wait takes no later interrupt', async () => {
    const { reply } = await bench.run("console.log('go'); await irq.wait({ timeout: Infinity })", {
      onOutput: onGo(() => bench.kernel.interrupt()),
    });
    assert.equal(reply.ename, 'KeyboardInterrupt');
    const { result } = await bench.run('irq.trigger(); await irq.wait({ timeout: 10_000 })');
    assert.equal(result, '1');
  });

  test('the cell is told by its signal, and may end by itself', async () => {
    const { reply, stdout } = await bench.run(
      "await new Promise<void>((done) => { signal.addEventListener('abort', () => { console.log(signal.reason.name); done() }); console.log('go') })",
      { onOutput: onGo(() => bench.kernel.interrupt()) },
    );
    assert.match(stdout, /KeyboardInterrupt/);
    assert.equal(reply.status, 'ok');
  });

  test('a given-up cell does not run on: its loops stop', async () => {
    await bench.run('let turns = 0');
    const { reply } = await bench.run(
      "console.log('go'); while (true) { turns++; await new Promise((r) => setTimeout(r, 200)) }",
      { onOutput: onGo(() => bench.kernel.interrupt()) },
    );
    assert.equal(reply.ename, 'KeyboardInterrupt');
    await bench.run('await new Promise((r) => setTimeout(r, 500))');
    const turns = await bench.value('turns');
    await bench.run('await new Promise((r) => setTimeout(r, 500))');
    assert.equal(await bench.value('turns'), turns);
  });

  test('an async function of an earlier cell does not run on either; what an earlier cell left running does', async () => {
    await bench.run(
      'let polls = 0; let ticks = 0; const sleep = (ms: number) => new Promise((r) => setTimeout(r, ms)); let over = false;\n' +
        'async function poll() { for (;;) { polls++; await sleep(200) } }\n' +
        'async function tick() { while (!over) { ticks++; await sleep(20) } }\nvoid tick()',
    );
    const { reply } = await bench.run("console.log('go'); await poll()", {
      onOutput: onGo(() => bench.kernel.interrupt()),
    });
    assert.equal(reply.ename, 'KeyboardInterrupt');
    await bench.run('await sleep(400)');
    const [polls, ticks] = (await bench.value('[polls, ticks]')) as number[];
    await bench.run('await sleep(500)');
    const [later, on] = (await bench.value('[polls, ticks]')) as number[];
    assert.equal(later, polls);
    assert.ok((on ?? 0) > (ticks ?? 0), 'the ticks stopped');
    await bench.run('over = true');
  });

  test('a loop that prints without end is interrupted at once, and does not fill the memory', async () => {
    const before = resident(bench.kernel.pid);
    let asked = 0;
    let seen = 0;
    const { reply } = await bench.run("for (;;) process.stdout.write('1\\n')", {
      onOutput: (output) => {
        seen += output.type === 'stream' ? output.text.length : 0;
        if (asked > 0 || seen < 500_000) return;
        asked = performance.now();
        void bench.kernel.interrupt();
      },
    });
    const took = performance.now() - asked;
    assert.equal(reply.ename, 'KeyboardInterrupt');
    assert.ok(took < 5000, `${took} ms`);
    const grown = resident(bench.kernel.pid) - before;
    assert.ok(grown < 300_000, `${grown} KiB`);
  });

  test('with nothing running an interrupt is harmless', async () => {
    await bench.kernel.interrupt();
    const { result } = await bench.run('let sum = 0; for (let i = 0; i < 1000; i++) sum += i; sum');
    assert.equal(result, '499500');
  });

  test('SIGINT interrupts too', async () => {
    const { reply } = await bench.run("console.log('go'); while (true) {}", {
      onOutput: onGo(() => process.kill(bench.kernel.pid, 'SIGINT')),
    });
    assert.equal(reply.ename, 'KeyboardInterrupt');
    assert.equal((await bench.run('keep.n')).result, '42');
  });
});

test('a cell that has begun when the interrupt of the one before is heard is left alone, however long it takes', async () => {
  const shared = new Int32Array(new SharedArrayBuffer(64));
  let runs: number | undefined = 1;
  let told = 0;
  const tellMain = (): void => {
    told += 1;
    runs = 2;
    Atomics.add(shared, SHARED.HEARD, 1);
  };
  const interrupter = new Interrupter(
    shared,
    tellMain,
    () => runs,
    () => assert.fail('it can be stopped'),
  );
  await interrupter.interrupt();
  // Longer than a cell may take to end once it was interrupted.
  await delay(700);
  runs = undefined;
  assert.equal(told, 1);
});
