/** How often a card is used: accesses are counted, and writes have the time of the clock only while somebody wants it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EDU, open } from '../lib/index.js';
import { usesOf } from '../lib/uses.js';

test('each access that goes to the card counts, one that is refused does not', () => {
  using dev = open('sim:edu');
  const uses = usesOf(dev.path);
  const before = uses.count;
  dev.bar(0).read32(0);
  dev.bar(0).registers(EDU).STATUS.modify({ IRQ: 1 });
  assert.throws(() => dev.bar(0).read32(2));
  assert.equal(uses.count, before + 3);
});

test('a write looks at the clock while a vector is enabled, and not afterwards', () => {
  using dev = open('sim:edu');
  const uses = usesOf(dev.path);
  const write = (): number => {
    uses.wroteAt = 0;
    dev.bar(0).write32(0x04, 1);
    return uses.wroteAt;
  };
  assert.equal(write(), 0);
  dev.enableIrqs('msi');
  assert.notEqual(write(), 0);
  dev.disableIrqs();
  assert.equal(write(), 0);
  dev.enableIrqs('msi');
  dev.close();
  assert.equal(uses.timers, 0);
});
