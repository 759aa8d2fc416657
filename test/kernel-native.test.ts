/** Native code that never returns holds its thread, and nothing else: the rest answers, and a restart leaves it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Bench, lives, until } from './kernel-bench.js';

const KOFFI = JSON.stringify(new URL('../../node_modules/koffi/index.js', import.meta.url).pathname);
const NATIVE = `import { createRequire } from 'node:module'; const koffi = createRequire(${KOFFI})(${KOFFI});
const pause = koffi.load(null).func('int pause()');`;

describe('native code that never returns', { timeout: 120_000 }, () => {
  let bench: Bench;
  before(async () => {
    bench = await Bench.start();
  });
  after(() => bench.end());

  test('completion and inspection answer meanwhile; an interrupt is heard; a shutdown ends it, and a new kernel begins', async () => {
    assert.equal((await bench.run(`${NATIVE} const dev = open('sim:edu'); const answer = 42`)).reply.status, 'ok');
    let stuck = false;
    const running = bench.run("console.log('now'); pause()", {
      onOutput: () => {
        stuck = true;
      },
    });
    const lost = assert.rejects(running, /the kernel process ended/);
    await until(() => stuck, 'the cell runs');
    assert.deepEqual(
      (await bench.kernel.complete('answ', 4)).matches.map(({ text }) => text),
      ['answer'],
    );
    assert.match((await bench.kernel.inspect('answer', 3)) ?? '', /42/);
    await bench.kernel.interrupt();
    const { pid } = bench.kernel;
    assert.ok(lives(pid));
    await bench.kernel.shutdown();
    await lost;
    assert.equal(lives(pid), false);
    bench = await Bench.start();
    const { reply } = await bench.run("const dev = open('sim:edu'); dev.bar(0).read32(0)");
    assert.deepEqual([reply.status, reply.count], ['ok', 1]);
  });
});
