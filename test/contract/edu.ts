/** An edu card in a test's hands: its registers, its DMA engine, its interrupt line. */
import assert from 'node:assert/strict';
import { type Device, EDU } from '../../lib/index.js';

/** A test with a device of its own, closed afterwards, which must still answer at the end. */
export type On = (name: string, body: (dev: Device) => void | Promise<void>) => unknown;

/** Milliseconds. */
export const PATIENCE = 20_000;

/** Polls without ever awaiting, as a bring-up loop does. */
export function spinUntil(done: () => boolean, what: string): void {
  const deadline = performance.now() + PATIENCE;
  while (!done()) assert.ok(performance.now() < deadline, `${what}: not within ${PATIENCE} ms`);
}

export const registers = (dev: Device) => dev.bar(0).registers(EDU);

/** Runs edu's DMA engine once and spins until it is done. */
export function transfer(
  dev: Device,
  from: bigint,
  to: bigint,
  count: number,
  direction: 'to card' | 'to memory',
): void {
  const edu = registers(dev);
  edu.DMA_SRC.write(from);
  edu.DMA_DST.write(to);
  edu.DMA_COUNT.write(BigInt(count));
  edu.DMA_CMD.write({ RUN: 1n, TO_MEMORY: direction === 'to memory' ? 1n : 0n });
  spinUntil(() => edu.DMA_CMD.read().RUN === 0n, 'DMA');
}

/** Has edu raise its interrupt line; `acknowledge` drops it. */
export const raise = (dev: Device) => registers(dev).IRQ_RAISE.write(1);
export const acknowledge = (dev: Device) => registers(dev).IRQ_ACK.write(0xffff_ffff);
