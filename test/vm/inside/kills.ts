/**
 * In the guest: two processes use one card, join and leave it again and again, and one of them is killed at a random moment; the other
 * and the card go on, and another joins. $KILLS (20) times, by each way in turn; $SEED says which moments. EDU is bound to vfio-pci.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { open } from '../../../lib/index.js';
import { EDU } from '../cards.js';
import { Face, INTERRUPT, killFaces, ROUND_TRIP, SHARE } from './face.js';
import { PATHS } from './paths.js';

const KILLS = Number(process.env.KILLS ?? 20);
const SEED = Number(process.env.SEED ?? 20260101);
/** A newcomer has joined well before, and is at work. Milliseconds. */
const LATEST = 400;

/** How long they rest between two turns, milliseconds: about when one is killed, and while the next process takes its time to start. */
const BUSY = 20;
const IDLE = 300;

/** Registers, buffers, interrupts where they are free, and every few turns out and in again. */
const WORK = `
  state.active = true;
  state.rest = ${BUSY};
  const turn = async (n) => {
    const { dev } = state;
    if (dev.bar(0).read32(0) !== 0x010000ed) throw new Error('the card reads ' + dev.bar(0).read32(0));
    const buffer = dev.dma(4096 * (1 + (n % 7)), { mask: lab.EDU_DMA_MASK });
    buffer.bytes.fill(n);
    try {
      const [irq] = dev.enableIrqs('msi');
      irq.trigger();
      await irq.wait({ timeout: 60_000 });
      dev.disableIrqs();
    } catch (error) {
      if (!/has its interrupts/.test(error.message)) throw error;
    }
    buffer.free();
    await new Promise((resolve) => setTimeout(resolve, state.rest));
    if (n % 5 !== 4) return;
    dev.close();
    await new Promise((resolve) => setTimeout(resolve, 5));
    ${SHARE}
  };
  state.work = (async () => { for (let n = 0; state.active; n++) await turn(n); })();
  state.work.catch(() => {});
`;
const REST = 'state.active = false; await state.work;';

/** Numbers from 0 to 1, the same for the same seed. Ref: Steele and Vigna, mulberry32 */
function* random(seed: number): Generator<number, never> {
  for (let state = seed; ; ) {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    yield ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}

const share = Math.ceil(KILLS / PATHS.length);
for (const [index, path] of PATHS.entries()) {
  test(`${path}: ${share} times one of two processes is killed at a random moment`, async (t) => {
    const numbers = random(SEED + index);
    const next = (): number => numbers.next().value;
    let older = new Face();
    t.after(() => killFaces());
    await older.run(SHARE.replace(EDU, `${path}:${EDU}`));
    await older.run(WORK);
    for (let kill = 0; kill < share; kill++) {
      const newer = new Face();
      await newer.ready;
      await older.run(`state.rest = ${BUSY}`);
      const joined = newer.run(SHARE + WORK);
      joined.catch(() => {});
      const after = next() * LATEST;
      const [victim, survivor] = next() < 0.5 ? [older, newer] : [newer, older];
      const which = `kill ${kill + 1}, of the ${victim === older ? 'older' : 'newer'} after ${Math.round(after)} ms`;
      await new Promise((resolve) => setTimeout(resolve, after));
      assert.ok(victim.alive, `${which}: it had ended by itself`);
      await victim.kill();
      try {
        if (survivor === newer) await joined;
        await survivor.run(REST);
        await survivor.run(ROUND_TRIP);
        await survivor.run(INTERRUPT);
        await survivor.run(WORK);
        await survivor.run(`state.rest = ${IDLE}`);
      } catch (error) {
        throw new Error(`${which}: ${(error as Error).message}`);
      }
      if (process.env.VFIOLAB_SAY) console.log(`${Math.round(performance.now())} ${which}`);
      older = survivor;
    }
    await older.run(REST);
    await older.end();
    // Nobody has it, and it is as it was.
    const dev = open(EDU);
    assert.equal(dev.bar(0).read32(0), 0x010000ed);
    dev.close();
  });
}
