/** Long work of the library's tells how far it has come, to whoever lends it a bar, and stops where that one throws. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PROGRESS, type Progress } from '../lib/cell.js';
import { EDU, open, sample } from '../lib/index.js';
import { fillWith } from '../lib/pattern.js';

const MiB = 2 ** 20;

describe('progress', () => {
  let told: (string | number)[] = [];
  let stopAt = Number.POSITIVE_INFINITY;
  const lend = (title: string, total: number): Progress => {
    told = [title, total];
    return {
      step: (done) => {
        told.push(done);
        if (done >= stopAt) throw new Error('interrupted');
      },
      end: () => told.push('end'),
    };
  };
  before(() => Object.defineProperty(globalThis, PROGRESS, { configurable: true, value: lend }));
  after(() => Reflect.deleteProperty(globalThis, PROGRESS));

  test('of a fill, a part at a time, to its very end; an interrupt ends it there', () => {
    const bytes = new Uint8Array(160 * MiB);
    fillWith(bytes, Uint8Array.of(7));
    assert.deepEqual(told, ['fill', 160 * MiB, 64 * MiB, 128 * MiB, 160 * MiB, 'end']);
    assert.equal(bytes.at(-1), 7);
    stopAt = 100 * MiB;
    assert.throws(() => fillWith(bytes, Uint8Array.of(8)), /interrupted/);
    stopAt = Number.POSITIVE_INFINITY;
    assert.deepEqual(told, ['fill', 160 * MiB, 64 * MiB, 128 * MiB, 'end']);
    assert.deepEqual([bytes[0], bytes.at(-1)], [8, 7]);
  });

  test('of a block, of a bench, of samples', async () => {
    using dev = open('sim:edu');
    dev.bar(0).readBlock(0, 64 * 1024);
    assert.deepEqual([told[0], told[1], told.at(-1)], ['read sim:edu/bar0', 64 * 1024, 'end']);
    assert.ok(told.length > 4, told.join());
    dev.busMaster(true);
    const [irq] = dev.enableIrqs('msi');
    await irq.bench({ count: 5 });
    assert.deepEqual([told[1], told.at(-1)], [5, 'end']);
    const edu = dev.bar(0).registers(EDU);
    await sample(() => edu.STATUS.read(), { every: 1, count: 3, title: 'STATUS' });
    assert.deepEqual([told[0], told[1], told.at(-1)], ['sample STATUS', 3, 'end']);
  });
});
