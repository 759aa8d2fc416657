/** What cells show beside their values: the stylesheet, commands of the host, live tables, progress, plots. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
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
