/**
 * Buffers of all kinds, allocated and freed in a disorderly way: afterwards no memory, no locked page, no IOVA, no address space, no
 * mapping and no fd is left.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Device, type DmaBuffer, open, pageMemory, u32 } from '../../lib/index.js';
import type { Soak } from './soak.js';

/** Buffers that are mapped at a time, and cycles between turns of the event loop: a cell's end, for a session. */
const LIVE = 24;
const TURN = 200;
const MiB = 1024;

/** Kilobytes and counts, as the kernel has them. */
interface Held {
  readonly VmSize: number;
  readonly VmRSS: number;
  readonly VmLck: number;
  readonly VmPin: number;
  readonly maps: number;
  readonly fds: number;
}

/** What this process may hold more than before, where the rest is V8's own coming and going. */
const SLACK: Held = { VmSize: 160 * MiB, VmRSS: 48 * MiB, VmLck: 0, VmPin: 0, maps: 150, fds: 0 };

function held(): Held {
  const status = readFileSync('/proc/self/status', 'utf8');
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0);
  return {
    VmSize: kilobytes('VmSize'),
    VmRSS: kilobytes('VmRSS'),
    VmLck: kilobytes('VmLck'),
    VmPin: kilobytes('VmPin'),
    maps: readFileSync('/proc/self/maps', 'utf8').split('\n').length,
    fds: readdirSync('/proc/self/fd').length,
  };
}

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Collects until there is nothing to collect, and lets the finalizers unmap: until a few rounds have changed nothing. */
async function settle(): Promise<void> {
  for (let maps = 0, same = 0; same < 3; ) {
    gc();
    await sleep(30);
    const now = held().maps;
    same = now === maps ? same + 1 : 0;
    maps = now;
  }
}

async function cycles(dev: Device, count: number, own: Uint8Array): Promise<void> {
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  const live: DmaBuffer[] = [];
  for (let i = 0; i < count; i++) {
    const pages = 1 + random(64);
    const kind = random(16);
    const buf =
      kind === 0
        ? dev.dma(own, { guard: random(2) === 0 })
        : dev.dma(pages * 4096, { guard: kind === 1, access: kind === 2 ? 'r' : 'rw', mask: 0xfff_ffff });
    // A page or two of each: as a driver would, and so that one that stays is seen.
    buf.bytes[0] = i;
    buf.bytes[buf.bytes.length - 1] = i;
    if (kind === 3) buf.struct({ WORD: u32(0) }).WORD = i;
    live.push(buf);
    if (live.length > LIVE) live.splice(random(live.length), 1)[0]?.free();
    if (i % TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  for (const buf of live) buf.free();
}

export const buffers: Soak = {
  name: 'buffers',
  title: 'DMA buffers allocated and freed',
  count: 1_000_000,
  short: 10_000,

  async run(count, spec) {
    const dev = open(spec);
    try {
      const own = pageMemory(16 * 4096);
      const lowest = (): bigint => {
        using buf = dev.dma(4096, { mask: 0xfff_ffff });
        return buf.iova;
      };
      const first = lowest();
      // V8 and malloc take what they need; and whatever has to be loaded is.
      await cycles(dev, Math.min(2000, count), own);
      await settle();
      const before = held();
      await cycles(dev, count, own);
      await settle();
      const after = held();
      assert.deepEqual(dev.buffers, []);
      assert.equal(lowest(), first, 'the lowest IOVA is free again');
      // All of what a 28-bit device can reach is in one piece.
      const whole = 2 ** 28 - 2 ** 20;
      assert.equal(typeof dev.dma(pageMemory(4096), { iova: BigInt(whole) }).iova, 'bigint');
      const grown = Object.entries(SLACK).map(([name, slack]) => {
        const more = after[name as keyof Held] - before[name as keyof Held];
        assert.ok(more <= slack, `${name} grew by ${more}, from ${before[name as keyof Held]}`);
        return `${name} ${more > 0 ? '+' : ''}${more}`;
      });
      return `left behind: ${grown.join(', ')} (kB, counts)`;
    } finally {
      dev.close();
    }
  },
};
