/** Thousands of cells of every kind in one kernel: neither its memory nor its handles grow. */
import { readdirSync, readFileSync } from 'node:fs';
import { Bench } from '../kernel-bench.js';
import type { Soak } from './soak.js';

/** A round of cells, each with how it ends: what people do in a session, mistakes included. */
const ROUND: readonly (readonly [code: string, ename?: string])[] = [
  ["const dev = open('sim:edu'); const edu = dev.bar(0).registers(EDU)\ndev"],
  ['edu.LIVENESS.write(0x1234); edu.LIVENESS.read()'],
  ['dev.bar(0).dump(0, 256)'],
  ['snapshot(edu)'],
  ["const again = 'text'; const list = Array.from({ length: 100 }, (_, i) => ({ i, text: 'item ' + i }))\nlist.length"],
  ['const again = 42; function twice(n: number) { return 2 * n }\ntwice(again)'],
  ["for (let i = 0; i < 500; i++) console.log('line', i, { i })"],
  ["process.stdout.write('progress 1 %\\rprogress 2 %\\r'); console.error('done')"],
  ['edu.STATSU.read()', 'TypeScriptError'],
  ["function fails() { throw new RangeError('as expected') }\nfails()", 'RangeError'],
  ['dev.bar(0).read32(1)', 'UsageError'],
  ["const h = display('one'); for (let i = 0; i < 20; i++) h.update(i); clearOutput({ wait: true })"],
  ['const w = watch(() => edu.ID.read(), { every: 20 }); await new Promise((r) => setTimeout(r, 60))'],
  [
    "dev.busMaster(true); const [irq] = dev.enableIrqs('msi'); irq.trigger(); await irq.wait(); await irq.bench({ count: 20 })",
  ],
  ['const buf = dev.dma(1 << 16, { mask: EDU_DMA_MASK }); buf.bytes.fill(1); buf.free()'],
  ['await sample(() => edu.STATUS.read(), { every: 1, count: 20 })'],
  ['const { readFileSync: read } = await import("node:fs"); read("/proc/self/stat", "utf8").length > 0'],
  ['setTimeout(() => console.log("later"), 5); setImmediate(() => {}); await new Promise((r) => setTimeout(r, 10))'],
  ['void Promise.reject(new Error("nobody waits")); await new Promise((r) => setTimeout(r, 5))'],
  ['await irq.wait({ timeout: 5 })', 'TimeoutError'],
];
/** These are slow; one of them ends each round. */
const SLOW: readonly (readonly [code: string, ename?: string])[] = [
  ['await $`echo from a child`'],
  ['await $`exit 3`', 'ProcessOutput'],
  ['for (;;) {}', 'KeyboardInterrupt'],
  ['await new Promise(() => {})', 'KeyboardInterrupt'],
];

interface Held {
  readonly cells: number;
  /** MiB. */
  readonly rss: number;
  readonly heap: number;
  readonly fds: number;
  readonly threads: number;
}

/** Code that ran once is dropped by V8 in its own time, which may be long after: here at once, so that what is left is what is held. */
const GC =
  "const v8 = await import('node:v8'); for (const flag of ['--expose-gc', '--stress-flush-code']) v8.setFlagsFromString(flag); const gc = (await import('node:vm')).runInNewContext('gc') as () => void";

export const kernel: Soak = {
  name: 'kernel',
  title: 'cells of every kind in one kernel',
  unit: 'seconds',
  count: 1800,
  short: 2,
  run: async (seconds) => {
    const bench = await Bench.start({ views: true });
    const held: Held[] = [];
    let cells = 0;
    try {
      await bench.run(GC);
      const end = performance.now() + seconds * 1000;
      for (let round = 0; performance.now() < end || held.length < 6; round++) {
        for (const [code, ename] of [...ROUND, SLOW[round % SLOW.length] ?? ['1']]) {
          const running = bench.run(code);
          if (ename === 'KeyboardInterrupt') {
            await new Promise((done) => setTimeout(done, 50));
            await bench.kernel.interrupt();
          }
          const { reply } = await running;
          cells++;
          if (reply.ename !== ename) throw new Error(`${code}: ${reply.status} ${reply.ename}: ${reply.evalue}`);
        }
        await bench.kernel.complete('edu.', 4);
        await bench.kernel.inspect('twice(1)', 2);
        held.push(await look(bench, cells));
      }
      return verdict(held);
    } finally {
      await bench.end();
    }
  },
};

async function look(bench: Bench, cells: number): Promise<Held> {
  // The simulator's thread takes a moment to end.
  await bench.run('dev.close(); await new Promise((r) => setTimeout(r, 50)); for (let i = 0; i < 3; i++) gc()');
  const heap = Number(await bench.value('process.memoryUsage().heapUsed')) / 2 ** 20;
  const folder = `/proc/${bench.kernel.pid}`;
  const rss = Number(readFileSync(`${folder}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)?.[1]) / 1024;
  const count = (what: string) => readdirSync(`${folder}/${what}`).length;
  return { cells, rss, heap, fds: count('fd'), threads: count('task') };
}

/** What growing is measured against, at least: a heap breathes. MiB. Before so many cells V8 is still compiling and TypeScript reading. */
const BREATH = { rss: 32, heap: 4 } as const;
const COLD = { cells: 2500, rss: 256 } as const;

/** The last third beside the one before: the first is spent on loading, compiling and caching. */
function verdict(held: readonly Held[]): string {
  const third = Math.floor(held.length / 3);
  const [middle, last] = [held.slice(third, 2 * third), held.slice(-third)];
  const median = (of: readonly Held[], what: keyof Held): number =>
    of.map((each) => each[what]).sort((a, b) => a - b)[Math.floor(of.length / 2)] ?? 0;
  const words: string[] = [];
  const cold = (held.at(-1)?.cells ?? 0) < COLD.cells;
  for (const what of ['rss', 'heap', 'fds', 'threads'] as const) {
    // Of handles the fewest: one may be on its way out at any moment.
    const typical = (of: readonly Held[]): number =>
      what === 'rss' || what === 'heap' ? median(of, what) : Math.min(...of.map((each) => each[what]));
    const [before, after] = [typical(middle), typical(last)];
    words.push(`${what} ${before.toFixed(what === 'heap' ? 1 : 0)} → ${after.toFixed(what === 'heap' ? 1 : 0)}`);
    const allowed =
      what === 'rss' || what === 'heap' ? Math.max(what === 'rss' && cold ? COLD.rss : BREATH[what], before * 0.05) : 0;
    if (after - before > allowed) throw new Error(`${what} grows: ${words.join(', ')}, ${held.at(-1)?.cells} cells`);
  }
  return `${held.at(-1)?.cells} cells, ${words.join(', ')} (MiB; the second third and the last)`;
}
