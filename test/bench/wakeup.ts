/** From an interrupt's eventfd, fired by another process at random moments, to the line after `await irq.wait()`; beside C's epoll. */
import assert from 'node:assert/strict';
import type { Irq } from '../../lib/irq.js';
import { Irqs } from '../../lib/irqs.js';
import { bytesAt, libc, MAP_SHARED, PAGE, PROT_READ, PROT_WRITE } from '../../lib/native.js';
import { memoryCard } from './card.js';
import { LineChild } from './child.js';
import { wakeFile } from './floor.js';
import { interleave } from './measure.js';
import type { Section } from './section.js';

/** In one sample. */
const FIRINGS = 100;
const C = 'eventfd to C epoll loop';
const WAIT = 'eventfd to awaited irq.wait()';

export const wakeup: Section = {
  name: 'wakeup',
  title: 'an interrupt that wakes its waiter',
  rounds: 30,
  aims: [{ figure: WAIT, against: C, atMost: 3 }],

  async measure(rounds, have) {
    if (!have('cc')) return [];
    const wake = wakeFile();
    const card = memoryCard();
    const [irq] = new Irqs(card.backend).enable('msi', 1);
    const ours = new Firing(wake, card.msi());
    const theirs = new Firing(wake, libc().eventfd());
    const waiter = new LineChild(wake, ['wait', '3', '4'], { fds: [theirs.eventfd, theirs.memory] });
    try {
      return await interleave(rounds, [
        {
          name: C,
          unit: 'us',
          sample: async () => {
            theirs.start();
            const latencies = (await waiter.ask(String(FIRINGS))).split(' ');
            await theirs.done();
            return latencies.map((nanoseconds) => Number(nanoseconds) / 1000);
          },
        },
        { name: WAIT, unit: 'us', floor: C, sample: () => latenciesOf(irq, ours) },
      ]);
    } finally {
      await Promise.all([waiter.end(), ours.end(), theirs.end()]);
      card.close();
      libc().close(theirs.eventfd);
    }
  },
};

async function latenciesOf(irq: Irq, firing: Firing): Promise<number[]> {
  const latencies: number[] = [];
  firing.start();
  while (latencies.length < FIRINGS) {
    await irq.wait({ timeout: 60_000 });
    const now = process.hrtime.bigint();
    latencies.push(Number(now - firing.last()) / 1000);
    firing.note();
  }
  await firing.done();
  return latencies;
}

/** A process that fires an eventfd, and the page that it shares with who waits for it; see wake.c. */
class Firing {
  readonly eventfd: number;
  /** The page's fd. */
  readonly memory: number;
  readonly #words: BigUint64Array;
  readonly #process: LineChild;

  constructor(wake: string, eventfd: number) {
    const { memfd, fallocate, mmap } = libc();
    this.eventfd = eventfd;
    this.memory = memfd('wake', 0);
    assert.equal(fallocate(this.memory, PAGE), 0);
    const at = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, this.memory, 0);
    assert.ok(at > 0, 'mmap');
    this.#words = new BigUint64Array(bytesAt(at, PAGE).buffer);
    this.#process = new LineChild(wake, ['fire', '3', '4'], { fds: [eventfd, this.memory] });
  }

  start(): void {
    this.#process.say(String(FIRINGS));
  }

  async done(): Promise<void> {
    assert.equal(await this.#process.hear(), 'done');
  }

  /** When it last fired: CLOCK_MONOTONIC, nanoseconds, as process.hrtime tells it. */
  last(): bigint {
    return this.#words[0] ?? 0n;
  }

  /** The next firing may come. */
  note(): void {
    this.#words[1] = (this.#words[1] ?? 0n) + 1n;
  }

  async end(): Promise<void> {
    await this.#process.end();
    libc().close(this.memory);
  }
}
