/** What cells show beside their values: the stylesheet, commands of the host, live tables, progress, plots. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as rest } from 'node:timers/promises';
import type { Output } from '../kernel/client.js';
import { Bench, lives, until } from './kernel-bench.js';

/** The HTML of each output that has some. */
const htmls = (outputs: readonly Output[]): string[] =>
  outputs.flatMap((output) => ('data' in output ? [String(output.data['text/html'] ?? '')] : []));
const styled = (outputs: readonly Output[]): boolean[] => htmls(outputs).map((html) => html.includes('<style>'));

describe('the stylesheet', { timeout: 300_000 }, () => {
  let bench: Bench;
  before(async () => {
    bench = await Bench.start();
  });
  after(() => bench.end());

  test('goes with the first table only, and again when that one is gone', async () => {
    const first = "display(1); const view = new View('a', [], [['x']]); display(view); view";
    assert.deepEqual(styled((await bench.run(first)).outputs), [false, true, false]);
    assert.deepEqual(styled((await bench.run('view')).outputs), [false]);
    // The cell runs again: what it showed is gone.
    assert.deepEqual(styled((await bench.run(first)).outputs), [false, true, false]);
    const cleared = await bench.run(
      'view; display(view); clearOutput(); display(view); clearOutput({ wait: true }); view',
    );
    assert.deepEqual(styled(cleared.outputs.filter(({ type }) => type !== 'clear')), [false, false, false]);
  });

  test('is sent anew where its output was cleared, and stays with an output that is redrawn', async () => {
    await bench.kernel.shutdown();
    bench = await Bench.start();
    const { outputs } = await bench.run(
      "const view = new View('a', [], [['x']]); display(view); clearOutput(); const h = display(view); h.update(view); h.update('gone'); display(view)",
    );
    assert.deepEqual(
      outputs.map((output) => (output.type === 'clear' ? 'clear' : styled([output])[0])),
      [true, 'clear', true, true, false, true],
    );
  });
});

describe('commands of the host', { timeout: 300_000 }, () => {
  let bench: Bench;
  before(async () => {
    bench = await Bench.start();
  });
  after(() => bench.end());

  test('zx is not loaded before $ is used', async () => {
    const loaded = "Object.keys(require('module')._cache).some((path) => path.includes('/zx/'))";
    assert.equal(await bench.value(loaded), false);
    await bench.run('await $`true`');
    assert.equal(await bench.value(loaded), true);
  });

  test('print into the cell while they run, and give what they printed', async () => {
    let first = 0;
    const started = performance.now();
    const { stdout, stderr, result, reply } = await bench.run(
      'const said = await $`echo one; sleep 1; echo two; echo three >&2`; said.stdout',
      {
        onOutput: () => {
          first ||= performance.now() - started;
        },
      },
    );
    const whole = performance.now() - started;
    assert.deepEqual([stdout, stderr, result, reply.status], ['one\ntwo\n', 'three\n', "'one\\ntwo\\n'", 'ok']);
    assert.ok(whole - first > 600, `seen after ${first} of ${whole} ms`);
    assert.deepEqual((await bench.run('await $`echo once`')).outputs.length, 1);
    assert.equal((await bench.run('$`echo unawaited`')).stdout, 'unawaited\n');
    const quiet = await bench.run('await $({ quiet: true })`echo "a b"`');
    assert.deepEqual([quiet.stdout, quiet.result], ['', 'a b']);
    assert.equal((await bench.run('const n: number = await $`true`')).reply.ename, 'TypeScriptError');
  });

  test('fail with their own message, where they were called', async () => {
    const { reply } = await bench.run('// a line\nawait $`cat /nowhere/at/all`');
    assert.equal(reply.ename, 'ProcessOutput');
    assert.match(reply.evalue ?? '', /^cat: \/nowhere\/at\/all: No such file or directory\nexit code 1/);
    assert.match(reply.traceback?.at(-1) ?? '', new RegExp(`at In\\[${reply.count}\\]:2:8`));
    assert.equal((await bench.run('const r = await $({ nothrow: true })`exit 3`; r.exitCode')).result, '3');
  });

  test('end with the cell that is interrupted, also when they do not listen', async () => {
    for (const command of ['sleep 1000', "trap '' TERM; while true; do sleep 0.1; done"]) {
      let pid = 0;
      const running = bench.run(`await $\`echo $$; ${command}\``, {
        onOutput: (output) => {
          if (output.type === 'stream') pid ||= Number(output.text);
        },
      });
      await until(() => pid > 0, 'the command says its pid');
      assert.ok(lives(pid));
      await bench.kernel.interrupt();
      assert.equal((await running).reply.ename, 'KeyboardInterrupt');
      await until(() => !lives(pid), 'the command ends');
    }
    assert.equal((await bench.run('await $`echo on`')).stdout, 'on\n');
  });
});

describe('things to look at', { timeout: 300_000 }, () => {
  let bench: Bench;
  before(async () => {
    bench = await Bench.start();
    await bench.run(
      "const dev = open('sim:edu'); const edu = dev.bar(0).registers(EDU); const rest = (ms: number) => new Promise((r) => setTimeout(r, ms))",
    );
  });
  after(() => bench.end());

  const shows = (outputs: readonly Output[], type: string): string[] =>
    outputs.flatMap((output) => (output.type === type && 'data' in output ? [String(output.data['text/plain'])] : []));

  test('a watch draws one output anew, and ends with its cell', async () => {
    const { outputs, reply } = await bench.run(
      'const w = watch(() => edu.STATUS.read(), { every: 20 }); await rest(200); edu.STATUS.modify({ IRQ: 1 }); await rest(200)',
    );
    assert.equal(reply.status, 'ok');
    assert.deepEqual(
      outputs.map((output) => ('displayId' in output ? output.displayId : output.type)),
      outputs.map(() => (outputs[0] && 'displayId' in outputs[0] ? outputs[0].displayId : 'none')),
    );
    const [first, ...updates] = outputs;
    assert.equal(first?.type, 'display');
    // It is sent where it changed only.
    assert.ok(updates.length >= 1 && updates.length <= 3, `${updates.length} updates`);
    assert.match(shows(outputs, 'display')[0] ?? '', /IRQ +0/);
    assert.match(shows(outputs, 'update').at(-1) ?? '', /IRQ +1/);
    assert.match(htmls(updates)[0] ?? '', /<mark>1<\/mark>/);
    assert.equal((await bench.run('edu.STATUS.modify({ IRQ: 0 }); await rest(100); w.running')).result, 'false');
  });

  test('a watch of a register map reads it, but for what reading would change; the last picture is of the end', async () => {
    await bench.run("const odd = dev.bar(0).registers({ LIVENESS: r32(4), FIFO: r32(0x24, {}, 'rclr') })");
    const { outputs } = await bench.run('edu.LIVENESS.write(0); watch(odd, { every: 10_000 }); edu.LIVENESS.write(1)');
    assert.match(shows(outputs, 'display')[0] ?? '', /LIVENESS +0xffffffff[\s\S]*FIFO +not read/);
    assert.match(shows(outputs, 'update').at(-1) ?? '', /LIVENESS +0xfffffffe/);
  });

  test('a watch as the last value keeps its cell until stop() or an interrupt', async () => {
    const stopped = await bench.run(
      'let n = 0; const own = watch(() => ++n, { every: 20 }); setTimeout(() => own.stop(), 300); own',
    );
    assert.equal(stopped.reply.status, 'ok');
    assert.ok(shows(stopped.outputs, 'update').length > 2);
    const running = bench.run('watch(() => ++n, { every: 20 })');
    await rest(500);
    await bench.kernel.interrupt();
    assert.equal((await running).reply.ename, 'KeyboardInterrupt');
    const n = await bench.value('n');
    assert.equal(await bench.value('n'), n);
  });

  test('a watch that fails says so, and what it cannot read at first is an error', async () => {
    assert.equal((await bench.run("watch(() => { throw new RangeError('no') })")).reply.ename, 'RangeError');
    const later = await bench.run(
      'let calls = 0; watch(() => { if (calls++) throw new Error("late"); return 1 }, { every: 20 }); await rest(200)',
    );
    assert.equal(later.stderr, 'watch ended: late\n');
    const awaited = await bench.run(
      'calls = 0; await watch(() => { if (calls++) throw new Error("late"); return 1 }, { every: 20 })',
    );
    assert.equal(awaited.reply.evalue, 'late');
    assert.equal((await bench.run('watch(1)')).reply.ename, 'TypeScriptError');
  });

  test('a kept watch outlives its cell', async () => {
    let updates = 0;
    await bench.run('let beats = 0; const kept = watch(() => ++beats, { every: 20, keep: true })', {
      onOutput: (output) => {
        if (output.type === 'update') updates++;
      },
    });
    await until(() => updates > 2, 'it goes on');
    await bench.run('kept.stop()');
  });

  test('progress is seen where work is long, also while it computes, and can be interrupted', async () => {
    const work = (ms: number) =>
      `const bar = progress('erase', 100); for (let i = 0; i <= 100; i++) { bar.step(i); const end = Date.now() + ${ms}; while (Date.now() < end); } bar.end()`;
    assert.deepEqual((await bench.run(work(0))).outputs, []);
    const { outputs } = await bench.run(work(12));
    assert.equal(outputs[0]?.type, 'display');
    assert.match(shows(outputs, 'display')[0] ?? '', /erase +█+░+ +\d+ % +[\d.]+ m?s left/);
    assert.match(shows(outputs, 'update').at(-1) ?? '', /erase +█+ +100 % +in [\d.]+ s/);
    // A library's own loop has no guard: the bar is where it stops.
    const running = bench.run(
      "const slow = { readBlock: (n: number) => { const b = progress('read', n); const f = new Function('b', 'for (;;) b.step(1)'); f(b) } }; slow.readBlock(10)",
    );
    await rest(300);
    await bench.kernel.interrupt();
    assert.equal((await running).reply.ename, 'KeyboardInterrupt');
  });

  test('a block is read in parts, each seen', async () => {
    const { result, outputs } = await bench.run(
      "const title: string[] = []; const own = Symbol.for('vfiolab.progress'); const before = (globalThis as any)[own]; Object.defineProperty(globalThis, own, { configurable: true, value: (text: string, total: number) => { title.push(text, String(total)); return { step() {}, end() { title.push('end') } } } }); const all = dev.bar(0).readBlock(0x1000, 0x10000); dev.bar(0).readBlock(0, 64); Object.defineProperty(globalThis, own, { configurable: true, value: before }); [...title, all.length].join()",
    );
    assert.equal(result, "'read sim:edu/bar0,65536,end,65536'", JSON.stringify(outputs));
  });

  test('a series and a histogram are SVG and text', async () => {
    const { outputs } = await bench.run(
      'await sample(() => edu.STATUS.read(), { every: 1, count: 20, title: "STATUS" })',
    );
    assert.match(shows(outputs, 'result')[0] ?? '', /^STATUS: 20 samples in .*\n {2}▁{20}$/);
    assert.match(htmls(outputs)[0] ?? '', /<svg [\s\S]*<polyline/);
    const { outputs: benched } = await bench.run(
      "dev.busMaster(true); const [irq] = dev.enableIrqs('msi'); await irq.bench({ count: 50 })",
    );
    assert.match(htmls(benched)[0] ?? '', /trigger to wake: 50 samples[\s\S]*<svg [\s\S]*<rect/);
    const running = bench.run('await sample(() => 1, { every: 10, count: 1e6 })');
    await rest(200);
    await bench.kernel.interrupt();
    assert.equal((await running).reply.ename, 'KeyboardInterrupt');
  });
});
