/** What a cell has left running shows below that cell, while later ones run: what it prints, displays, and how it fails. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Output } from '../kernel/client.js';
import { Bench } from './kernel-bench.js';
import { needs } from './needs.js';
import { LINES, nodeOf } from './nodes.js';

const SETUP = `const late = { go: false, done: false };
const tick = () => new Promise<void>((resolve) => setTimeout(resolve, 5))`;

/** Waits until a later cell lets it go, so that it speaks while that one runs; then, one after the other, each in its own callback. */
const LATE = `const shown = display('at once');
const waiting = setInterval(() => {
  if (!late.go) return;
  clearInterval(waiting);
  console.log('interval');
  setImmediate(() => console.error('immediate'));
  setTimeout((word: string) => { console.log(word); shown.update('again'); display('more') }, 10, 'timer');
  setTimeout(() => { throw new RangeError('thrown') }, 20);
  setImmediate(() => { throw new RangeError('thrown at once') });
  setTimeout(() => { late.done = true }, 100);
}, 5)`;
const PROMISE = `(async () => {
  while (!late.go) await tick();
  console.log('promise');
  await null;
  queueMicrotask(() => console.log('microtask'));
  void Promise.reject(new RangeError('rejected'));
  late.done = true;
})(); undefined`;
const LATER = "late.go = true; while (!late.done) await tick(); await tick(); console.log('own')";

const words = (outputs: readonly Output[]): string[] =>
  outputs.flatMap((output) => {
    if (output.type === 'stream') return output.text.match(/[^\n]*\n/g)?.filter((line) => !/^ {4}at /.test(line)) ?? [];
    return 'data' in output ? [`${output.type} ${output.data['text/plain']}`] : [];
  });

for (const line of LINES) {
  describe(`on Node ${line}`, { timeout: 300_000, ...(nodeOf(line) ? {} : needs('nodes')) }, () => {
    const both = async (bench: Bench, code: string): Promise<{ first: string[]; second: string[] }> => {
      await bench.run('late.go = late.done = false');
      const outputs: Output[] = [];
      const { reply } = await bench.run(code, { onOutput: (output) => outputs.push(output) });
      assert.equal(reply.status, 'ok', reply.evalue);
      const second = await bench.run(LATER);
      return { first: words(outputs), second: words(second.outputs) };
    };

    test('timers and immediates speak below their own cell, and fail there', async () => {
      const bench = await Bench.start({ node: nodeOf(line) ?? '' });
      try {
        await bench.run(SETUP);
        const { first, second } = await both(bench, LATE);
        assert.deepEqual(first, [
          "display 'at once'",
          'interval\n',
          'immediate\n',
          'Uncaught: RangeError: thrown at once\n',
          'timer\n',
          "update 'again'",
          "display 'more'",
          'Uncaught: RangeError: thrown\n',
        ]);
        assert.deepEqual(second, ['own\n']);
        // Of promises it is known from 24 on; below nothing is lost.
        const promised = await both(bench, PROMISE);
        const said = ['promise\n', 'microtask\n', 'Unhandled rejection: RangeError: rejected\n'];
        if (line >= 24) assert.deepEqual(promised, { first: said, second: ['own\n'] });
        else assert.deepEqual([...promised.first, ...promised.second].sort(), [...said, 'own\n'].sort());
      } finally {
        await bench.end();
      }
    });
  });
}
