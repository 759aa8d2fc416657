/**
 * In the guest: one card in several processes, on the kernel's real VFIO, by each of its ways. EDU is bound to vfio-pci.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { inspect } from 'node:util';
import { groupOf } from '../../../lib/host/group.js';
import { type Device, EDU_DMA_MASK, EDU as MAP, open, UsageError } from '../../../lib/index.js';
import { libc } from '../../../lib/native.js';
import { runtimeFolder } from '../../../lib/share/folder.js';
import { socketFile } from '../../../lib/share/sharer.js';
import { sockets } from '../../../lib/share/sockets.js';
import { transfer } from '../../contract/edu.js';
import { EDU } from '../cards.js';
import { CARD, Face, INTERRUPT, killFaces, ROUND_TRIP, SHARE } from './face.js';
import { held } from './held.js';
import { PATHS } from './paths.js';

/** The next process is started before it is needed: in the guest that takes its time. */
let spare = new Face();
function anotherProcess(): Face {
  const face = spare;
  spare = new Face();
  return face;
}
test.afterEach(() => killFaces(spare));
test.after(() => spare.end());

const alive = (dev: Device): void => assert.equal(dev.bar(0).read32(0), 0x010000ed);

/** Waits until somebody serves the card: a thread of its own does, and that takes its time to start. */
async function serves(): Promise<void> {
  for (const file = socketFile(runtimeFolder(), groupOf(EDU) ?? -1); ; await setTimeout(20)) {
    const socket = sockets().connect(file, 1000);
    if (socket < 0) continue;
    libc().close(socket);
    return;
  }
}

for (const path of PATHS) {
  test(`${path}: a second process joins; both poke registers and do DMA, at IOVAs of their own`, async () => {
    using dev = open(`${path}:${EDU}`, { share: true });
    const face = anotherProcess();
    await face.run(SHARE);
    assert.equal(await face.run('return state.dev.spec'), `${path}:${EDU}`, 'in the way that it was opened');
    assert.match(inspect(dev), new RegExp(`shared with process ${face.pid} \\(node\\)`));
    dev.bar(0).write32(4, 0x1234_5678);
    assert.equal(await face.run('return state.dev.bar(0).read32(4)'), 0xedcb_a987);
    await face.run('state.dev.bar(0).write32(4, 1)');
    assert.equal(dev.bar(0).read32(4), 0xffff_fffe);

    // Reset by one while the other reads without pause: a fault at most, and both go on.
    const busy = face.said();
    const reads = face.run(`say('reads');
      const seen = {};
      for (const end = Date.now() + 500; Date.now() < end; ) {
        let what = 'value';
        try { state.dev.bar(0).read32(0) } catch (error) { what = error.name }
        seen[what] = (seen[what] ?? 0) + 1;
      }
      return seen`);
    await busy;
    for (let n = 0; n < 3; n++) dev.reset();
    const { value, BusError: _, ...others } = (await reads) as Record<string, number>;
    assert.ok((value ?? 0) > 0);
    assert.deepEqual(others, {});
    alive(dev);

    const mine = dev.dma(4096, { mask: EDU_DMA_MASK });
    const kept = 'state.kept = state.dev.dma(2 ** 21, { mask: lab.EDU_DMA_MASK }); return state.kept.iova';
    const theirs = BigInt(String(await face.run(kept)));
    assert.ok(theirs + (1n << 21n) - 1n <= EDU_DMA_MASK, 'below the mask of the card');
    assert.ok(theirs >= mine.iova + BigInt(mine.size) || theirs + (1n << 21n) <= mine.iova, 'apart');
    dev.busMaster(true);
    mine.bytes.set([9, 8, 7, 6, 5, 4, 3, 2]);
    await face.run(ROUND_TRIP);
    // Into the other process's memory: one IOMMU, one card.
    transfer(dev, mine.iova, CARD, 8, 'to card');
    transfer(dev, CARD, theirs, 8, 'to memory');
    assert.deepEqual(await face.run('return [...state.kept.bytes.subarray(0, 8)]'), [9, 8, 7, 6, 5, 4, 3, 2]);
    // What one gives back is its own alone.
    await face.run('state.kept.free()');
    transfer(dev, mine.iova, CARD, 8, 'to card');
    dev.close();
    // The one that joined serves now, and nothing of it was lost.
    await face.run(ROUND_TRIP);
    await face.run(INTERRUPT);
    using again = open(EDU, { share: true });
    alive(again);
    await face.run('state.dev.close()');
    alive(again);
    again.close();
    assert.deepEqual(held(), []);

    // Nobody has it now: it is anybody's, shared or not, and another way is as good.
    open(EDU).close();
    await face.end();
  });

  test(`${path}: one process at a time has the interrupts, and the others are told which`, async () => {
    using dev = open(`${path}:${EDU}`, { share: true });
    const edu = dev.bar(0).registers(MAP);
    const face = anotherProcess();
    await face.run(SHARE);
    await face.run("[state.irq] = state.dev.enableIrqs('msi')");
    assert.throws(
      () => dev.enableIrqs('intx'),
      (error: Error) => {
        assert.ok(error instanceof UsageError);
        const words = `enableIrqs: process ${face.pid} \\(node\\) has its interrupts.*disableIrqs`;
        assert.match(error.message, new RegExp(words));
        return true;
      },
    );
    assert.match(inspect(dev), new RegExp(`MSI +1 +vector +process ${face.pid} \\(node\\) has them`));
    await face.run('state.dev.disableIrqs()');
    dev.busMaster(true);
    const [intx] = dev.enableIrqs('intx');
    await assert.rejects(face.run("state.dev.enableIrqs('msi')"), new RegExp(`process ${process.pid} `));
    edu.IRQ_RAISE.write(2);
    await intx.wait({ timeout: 20_000 });
    edu.IRQ_ACK.write(2);
    dev.disableIrqs();

    // Killed with them and with memory mapped, it leaves both to the others.
    const iova = await face.run("[state.irq] = state.dev.enableIrqs('msi'); return state.dev.dma(2 ** 21).iova");
    await face.kill();
    const [msi] = dev.enableIrqs('msi');
    edu.IRQ_RAISE.write(1);
    await msi.wait({ timeout: 20_000 });
    edu.IRQ_ACK.write(1);
    const next = anotherProcess();
    await next.run(SHARE);
    assert.equal(await next.run('return state.dev.dma(2 ** 21).iova'), iova, 'given out again');
    // What ends in good order leaves as little.
    dev.close();
    await next.run(INTERRUPT);
    await next.end();
  });

  test(`${path}: a process joins while the one that serves is busy; one that does not share does not`, async () => {
    const face = anotherProcess();
    await face.run(`state.dev = lab.open('${path}:${EDU}', { share: true }); state.dev.dma(4096)`);
    await serves();
    const busy = face.said();
    // As busy as in a loop without end, and leaves the others the guest's only processor.
    face.run("say('busy'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);").catch(() => {});
    await busy;
    assert.throws(() => open(EDU), new RegExp(`already open: by process ${face.pid} `));
    using dev = open(EDU, { share: true });
    alive(dev);
    const brief = anotherProcess();
    const look = `const dev = lab.open('${EDU}', { share: 'join' }); return [dev.bar(0).read32(0), dev.close()][0]`;
    assert.equal(await brief.run(look), 0x010000ed);
    if (PATHS.length > 1) {
      const other = path === 'group' ? 'iommufd' : 'group';
      const wrong = new RegExp(`UsageError: .*opened as ${path}:.*plain BDF`);
      await assert.rejects(brief.run(`lab.open('${other}:${EDU}', { share: true })`), wrong);
    }
    await brief.end();
    // The one that served is killed; the one that joined it takes over.
    await face.kill();
    alive(dev);
    const next = anotherProcess();
    await next.run(SHARE);
    await next.run(ROUND_TRIP);
    await next.end();
    dev.close();
    assert.deepEqual(held(), []);
  });
}
