/**
 * Interruption without loss, on every line of Node: whatever a cell is stuck in stops within a second, the error points at its
 * line, and variables, the card, timers, immediates and the heartbeat go on as before.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { Request } from 'zeromq';
import { address, readConnection } from '../kernel/connection.js';
import { Bench } from './kernel-bench.js';
import { needs } from './needs.js';
import { LINES, nodeOf } from './nodes.js';

/** A busy machine makes nothing quicker; on a quiet one it is well under a second. */
const SOON = 1000 * Number(process.env.VFIOLAB_TEST_PATIENCE ?? 10);
const ZX = JSON.stringify(new URL('../../node_modules/zx/build/index.js', import.meta.url).pathname);

interface Stuck {
  readonly code: string;
  /** The line that the error names, where it can: not where the cell waits in another's hands. */
  readonly line?: number;
  /** Whether `finally` runs. */
  readonly tidy?: boolean;
  /** Only on lines of Node below this one. */
  readonly below?: number;
}

const LIBRARY = 'Array.from({ length: 1e9 }, (_, i) => i).sort(() => 1)';
const REGEXP = "/(a+)+b/.test('a'.repeat(40))";

/** Each prints `go` when it is about to get stuck. */
const STUCK: Readonly<Record<string, Stuck>> = {
  'an await': { code: 'go();\nawait new Promise(() => {})' },
  'an IRQ wait': { code: 'go();\nawait irq.wait({ timeout: Infinity })', line: 2, tidy: true },
  'a loop': { code: 'go();\nfor (;;) {}', line: 2, tidy: true },
  'a loop after an await': { code: 'await sleep(5); go();\nfor (;;) {}', line: 2, tidy: true },
  'a loop that awaits': { code: 'go();\nfor (;;) await sleep(1)', line: 2, tidy: true },
  'a regular expression': { code: `go();\n${REGEXP}`, line: 2 },
  'a regular expression after an await': { code: `await null; go();\n${REGEXP}`, line: 2 },
  'a promise storm': { code: 'go();\nwhile (true) await null', line: 2, tidy: true },
  'a storm without a loop': {
    code: 'const again = (): Promise<void> => Promise.resolve().then(again); go();\nawait again()',
  },
  'a loop in a library': { code: `go();\n${LIBRARY}`, line: 2 },
  'a loop in a timer': { code: 'setTimeout(() => { go();\nfor (;;) {} }, 1); await new Promise(() => {})' },
  'a library in a timer': { code: `setTimeout(() => { go();\n${LIBRARY} }, 1); await new Promise(() => {})` },
  'a loop in an interval': { code: 'setInterval(() => { go();\nfor (;;) {} }, 1); await new Promise(() => {})' },
  'a loop in an immediate': {
    code: 'setImmediate(() => { go();\nfor (;;) {} }); setImmediate(() => {}); await new Promise(() => {})',
  },
  'a regular expression in an immediate': {
    code: `setImmediate(() => { go();\n${REGEXP} }); setImmediate(() => {}); await new Promise(() => {})`,
  },
  'a loop that catches everything': { code: 'go();\nfor (;;) { try { for (;;) {} } catch {} }' },
  'a regular expression inside try': { code: `go();\nfor (;;) { try { ${REGEXP} } catch {} }` },
  'a loop after fetch': { code: 'await (await fetch(server)).text(); go();\nfor (;;) {}', line: 2, tidy: true },
  'a regular expression after fetch': { code: `await (await fetch(server)).text(); go();\n${REGEXP}`, line: 2 },
  'a fetch that is not answered': { code: "go();\nawait fetch(server + 'never')" },
  "an await in zx's within": { code: 'go();\nawait within(async () => { await new Promise(() => {}) })' },
  "a loop in zx's within": { code: 'go();\nawait within(async () => { await null; for (;;) {} })', tidy: true },
  "a regular expression inside zx's within": {
    code: `go();\nawait within(async () => { await null;\n${REGEXP} })`,
    line: 2,
  },
  'a regular expression under an active createHook': {
    code: `const hook = createHook({ init() {}, before() {}, after() {} }).enable(); go();\n${REGEXP}`,
    line: 2,
    below: 24,
  },
  'a regular expression after an await, still under the createHook': {
    code: `await null; go();\n${REGEXP}`,
    line: 2,
    below: 24,
  },
  'a regular expression, with timers and immediates queued': {
    code: `setImmediate(() => {}); setTimeout(() => {}, 1); setInterval(() => {}, 5).unref(); go();\n${REGEXP}`,
    line: 2,
  },
};

const SETUP = `const keep = { n: 42 }; const card = open('sim:edu'); const [irq] = card.enableIrqs('msi');
  const sleep = (ms: number) => new Promise((r) => setTimeout(r, ms)); const go = () => console.log('go');`;

const ALIVE = `await new Promise<void>((r) => setImmediate(() => setImmediate(() => r())));
  await new Promise<void>((r) => { let n = 0; const t = setInterval(() => { if (++n === 3) { clearInterval(t); r() } }, 1) });
  irq.trigger(); await irq.wait({ timeout: 10_000 });
  [keep.n, card.closed, card.bar(0).read32(0).toString(16), 'next']`;

describe('interruption', { timeout: 600_000, concurrency: 2, ...needs('nodes') }, () => {
  const server = createServer((request, response) => {
    if (request.url !== '/never') response.end('x');
  });
  let origin = '';
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const only = process.env.VFIOLAB_TEST_NODE;
  for (const line of LINES.filter((each) => only === undefined || only === String(each))) {
    describe(`on Node ${line}`, { concurrency: 1 }, () => {
      let bench: Bench;
      let heart: Request;
      before(async () => {
        const node = nodeOf(line);
        bench = await Bench.start(node === undefined ? {} : { node });
        const [file = ''] = readFileSync(`/proc/${bench.kernel.pid}/cmdline`, 'utf8').split('\0').slice(-2);
        heart = new Request({ linger: 0, receiveTimeout: 10_000 });
        heart.connect(address(readConnection(file), 'hb'));
        const { reply } = await bench.run(
          `${SETUP} const server = ${JSON.stringify(origin)}; const { within } = await import(${ZX});
           const { createHook } = await import('node:async_hooks')`,
        );
        assert.equal(reply.status, 'ok', reply.traceback?.join('\n'));
      });
      after(async () => {
        heart.close();
        await bench.end();
      });

      for (const [what, { code, line: at, tidy, below = 99 }] of Object.entries(STUCK)) {
        if (line >= below) continue;
        test(what, { timeout: 60_000 }, async () => {
          let asked = 0;
          let tidied = false;
          const { reply } = await bench.run(`try { ${code}\n} finally { console.log('tidied') }`, {
            onOutput: (output) => {
              if (output.type !== 'stream') return;
              tidied ||= output.text.includes('tidied');
              if (asked > 0 || !output.text.includes('go\n')) return;
              asked = performance.now();
              void bench.kernel.interrupt();
            },
          });
          const took = performance.now() - asked;
          assert.equal(reply.ename, 'KeyboardInterrupt', JSON.stringify(reply));
          assert.ok(took < SOON, `${took} ms`);
          if (at !== undefined) {
            assert.match(reply.traceback?.join('\n') ?? '', new RegExp(`In\\[${reply.count}\\]:${at}:`), 'the line');
          }
          if (tidy) assert.ok(tidied, 'finally did not run');
          const alive = await bench.run(ALIVE);
          assert.equal(alive.reply.status, 'ok', alive.reply.traceback?.join('\n'));
          assert.equal(alive.result, "[ 42, false, '10000ed', 'next' ]");
          await heart.send('beat');
          assert.equal(String(await heart.receive()), 'beat');
        });
      }

      if (line >= 24) {
        test('under an active createHook a cell says that only a restart stops it', { timeout: 60_000 }, async () => {
          const code = `const hook = createHook({ init() {} }).enable();
            go(); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000); hook.disable(); 'went on'`;
          let asked = false;
          const { stderr } = await bench.run(code, {
            onOutput: (output) => {
              if (asked || output.type !== 'stream' || !output.text.includes('go\n')) return;
              asked = true;
              void bench.kernel.interrupt();
            },
          });
          assert.match(stderr, /cannot be stopped.*createHook.*restart the kernel/);
          assert.equal(stderr.split('cannot be stopped').length, 2, 'told once');
          const alive = await bench.run(ALIVE);
          assert.equal(alive.result, "[ 42, false, '10000ed', 'next' ]");
        });
      }
    });
  }
});
