/** In the guest: a process that is killed with the card in use, its own child alive, leaves the card openable. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import { open } from '../../../lib/index.js';
import { EDU } from '../cards.js';
import { WITH_LAB } from './face.js';

/** Uses all that a card gives, starts a child that outlives it, and says the child's pid. */
const BUSY = `
  const { spawn } = require('node:child_process');
  const { EDU, open } = lab;
  const dev = open('${EDU}');
  dev.busMaster(true);
  const [irq] = dev.enableIrqs('msi');
  const buffer = dev.dma(1 << 16);
  const huge = dev.dma(1, { pageSize: 2 ** 21 });
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
  console.log(child.pid);
  irq.wait({ timeout: Infinity }).catch(() => {});
  const edu = dev.bar(0).registers(EDU);
`;

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

for (const [what, work] of [
  ['while it waits', ''],
  ['in a loop of reads', 'for (;;) edu.ID.read();'],
  [
    'while the card does DMA',
    `for (;;) { edu.DMA_SRC.write(buffer.iova); edu.DMA_DST.write(0x40000n); edu.DMA_COUNT.write(4096n); edu.DMA_CMD.write({ RUN: 1n }); }`,
  ],
] as const) {
  test(`killed ${what}, with a child alive`, async () => {
    const victim = spawn(process.execPath, ['-e', WITH_LAB(BUSY + work)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [said] = await once(victim.stdout, 'data');
    const child = Number(String(said));
    assert.ok(alive(child));
    victim.kill('SIGKILL');
    await once(victim, 'exit');
    assert.ok(alive(child), 'the child outlives it');
    const dev = open(EDU);
    assert.equal(dev.bar(0).read32(0), 0x0100_00ed);
    assert.equal(dev.config.read16(4) & 4, 0, 'bus mastering is off');
    dev.close();
    process.kill(child, 'SIGKILL');
  });
}
