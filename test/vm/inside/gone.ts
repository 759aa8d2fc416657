/**
 * In the guest: the card goes away while it is open. An unbind, fewer VFs and a rescan do not hang, whatever the process is doing, and what
 * is done with the card afterwards says what happened. EDU, NVME and DISK are
 * bound to vfio-pci.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import test from 'node:test';
import { type CardEvent, type Device, doctor, EDU_DMA_MASK, GoneError, open, r32, until } from '../../../lib/index.js';
import { DISK, EDU, NVME, NVME_VFS } from '../cards.js';
import { Face, killFaces } from './face.js';
import { held } from './held.js';
import { monitor } from './monitor.js';
import { PATHS } from './paths.js';

/** How long a write to sysfs may take that waits for the card to be let go. The kernel asks again after 10 s. */
const IN_TIME = 9000;
const device = (bdf: string): string => `/sys/bus/pci/devices/${bdf}`;

/** Writes to sysfs from another process: the write waits until the card is let go. How long it took, milliseconds. */
async function write(file: string, text: string): Promise<number> {
  const start = performance.now();
  const child = spawn('sh', ['-c', `echo ${text} >${file}`], { stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = await once(child, 'exit');
  assert.equal(code, 0, `${file} <- ${text}`);
  return performance.now() - start;
}

const unbind = (bdf: string): Promise<number> => write(`${device(bdf)}/driver/unbind`, bdf);
const bind = (bdf: string): void => writeFileSync('/sys/bus/pci/drivers_probe', bdf);
test.beforeEach(() => bind(EDU));

/** What befalls it next. By itself a card that is watched keeps no process alive. */
function befalls(dev: Device): Promise<CardEvent> {
  return new Promise((resolve) => {
    const alive = setTimeout(() => {}, 60_000);
    dev.onEvent((event) => {
      clearTimeout(alive);
      resolve(event);
    });
  });
}

const TAKEN = `the card was taken away at \\d\\d:\\d\\d:\\d\\d: its driver asked for it \\(REQ\\)`;
const gone = (what: string) => (error: unknown) => {
  assert.ok(error instanceof GoneError, String(error));
  assert.match(error.message, new RegExp(`^${EDU}${what}: ${TAKEN}; give it to vfio-pci again`));
  return true;
};

test.afterEach(() => killFaces());

for (const path of PATHS) {
  test(`${path}: an unbind while nothing is done: an event, and later calls say what happened`, async () => {
    const dev = open(`${path}:${EDU}`);
    const bar = dev.bar(0);
    dev.dma(4096, { mask: EDU_DMA_MASK });
    const [irq] = dev.enableIrqs('msi');
    const events: CardEvent[] = [];
    dev.onEvent((event) => events.push(event));
    const waiting = assert.rejects(irq.wait({ timeout: 60_000 }), gone('/msi\\[0\\]: wait'));
    assert.ok((await unbind(EDU)) < IN_TIME);
    await waiting;
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['req'],
    );
    assert.match(events[0]?.message ?? '', new RegExp(`^${EDU} was taken away at .*REQ\\)$`));
    assert.equal(dev.closed, true);
    assert.throws(() => bar.read32(0), gone('(/bar0\\+0x0)?: read32'));
    assert.throws(() => bar.write32(4, 0), gone('(/bar0\\+0x4)?: write32'));
    assert.throws(() => dev.config.read16(0), gone('(/config\\+0x0)?: read16'));
    assert.throws(() => dev.dma(4096), gone(': dma'));
    assert.throws(() => dev.enableIrqs('msi'), gone(': enableIrqs'));
    assert.throws(() => dev.reset(), gone(': reset'));
    dev.close();
    assert.deepEqual(held(), []);
    bind(EDU);
    using again = open(`${path}:${EDU}`);
    assert.equal(again.bar(0).read32(0), 0x010000ed);
  });

  const more = path === 'group' ? '; so are VFs, and errors are heard' : '';
  test(`${path}: taken away while the program never returns to its event loop, and the card is shared${more}`, {
    timeout: 150_000,
  }, async () => {
    const face = new Face();
    const other = new Face();
    await face.run(
      `state.dev = lab.open('${path}:${EDU}', { share: true }); state.dev.enableIrqs('msi'); state.dev.dma(4096)`,
    );
    await other.run(
      `state.dev = lab.open('${EDU}', { share: true }); state.dev.onEvent(({ message }) => say(message))`,
    );
    const spins = face.said();
    // Each access faults from then on, and says why; nothing else could have ended this loop.
    const ended = face.run("say('spins'); for (;;) state.dev.bar(0).read32(0);");
    ended.catch(() => {});
    await spins;
    const told = other.said();
    assert.ok((await unbind(EDU)) < IN_TIME);
    await assert.rejects(ended, new RegExp(`GoneError: ${EDU}.*read32: ${TAKEN}`));
    assert.match(String(await told), /was taken away/, 'the other process hears of it too');
    await assert.rejects(other.run('state.dev.bar(0).read32(0)'), /GoneError/);
    bind(EDU);
    // A loop that does not touch the card holds nobody up either; its io thread hears errors, and lets go of VFs, as well.
    await face.run(`state.dev = lab.open('${path}:${EDU}', { share: true })`);
    const alsoThen = path === 'group' ? await moreCards(face, other) : undefined;
    const idle = face.said();
    face.run("say('spins'); for (;;);").catch(() => {});
    await idle;
    await alsoThen?.();
    assert.ok((await unbind(EDU)) < IN_TIME);
    await face.kill();
    await other.end();
    bind(EDU);
    open(EDU).close();
  });
}

test('a rehearsal is as an unbind, and the card is there again', async () => {
  const dev = open(EDU);
  const event = befalls(dev);
  dev.rehearse('req');
  assert.equal((await event).kind, 'req');
  assert.throws(() => dev.bar(0).read32(0), GoneError);
  open(EDU).close();
});

test('REQ to oneself, and given back', async () => {
  const dev = open(EDU);
  const [irq] = dev.enableIrqs('req');
  irq.trigger();
  assert.equal(await irq.wait({ timeout: 20_000 }), 1);
  assert.equal(dev.closed, false);
  dev.disableIrqs('req');
  const event = befalls(dev);
  dev.rehearse('req');
  await event;
  assert.equal(dev.closed, true);
});

test('an error of the bus is told, and the card stays open', async () => {
  using dev = open(NVME);
  const event = befalls(dev);
  dev.rehearse('err');
  const { kind, message } = await event;
  assert.equal(kind, 'err');
  assert.match(message, reported(NVME));
  assert.equal(dev.bar(0).read32(8) >>> 16, 1);
});

test('an error that is not fatal (AER): told, and the card is as it was', async () => {
  using dev = open(`group:${DISK}`);
  dev.busMaster(true);
  const common = dev.bar(4);
  const [irq] = dev.enableIrqs('msix', 2);
  common.write8(DEVICE_STATUS, ACKNOWLEDGE);
  const command = dev.config.read16(4);
  const event = befalls(dev);
  inject('POISON_TLP');
  const { kind, message } = await event;
  assert.equal(kind, 'err');
  assert.match(message, reported(DISK));
  await recovered();
  assert.equal(dev.config.read16(4), command);
  assert.equal(common.read8(DEVICE_STATUS), ACKNOWLEDGE);
  irq.trigger();
  assert.equal(await irq.wait({ timeout: 20_000 }), 1);
});

test('a fatal error (AER): the kernel resets the link, and the card is well once it is opened again', async () => {
  const dev = open(DISK);
  dev.busMaster(true);
  const [irq] = dev.enableIrqs('msix', 2);
  dev.bar(4).write8(DEVICE_STATUS, ACKNOWLEDGE);
  const event = befalls(dev);
  inject('DLP');
  const { kind, message } = await event;
  assert.equal(kind, 'err');
  assert.match(message, reported(DISK));
  await recovered();
  assert.equal(dev.closed, false);
  assert.equal(dev.config.read16(4), 0, 'COMMAND is as after power-on');
  irq.trigger();
  assert.equal(await irq.wait({ timeout: 20_000 }), 1, 'what the kernel has of it is still there');
  dev.reset();
  assert.equal(dev.config.read16(4) & 2, 0, 'memory decoding stays off, whatever is reset');
  dev.close();
  using again = open(DISK);
  assert.equal(again.bar(4).read8(DEVICE_STATUS), 0);
  again.bar(4).write8(DEVICE_STATUS, ACKNOWLEDGE);
  assert.equal(again.bar(4).read8(DEVICE_STATUS), ACKNOWLEDGE);
});

/**
 * `face` is given a card that reports errors, which `other` has too, and a VF, of which this process has a second; the function that
 * comes back has the one report an error and takes the VFs away, and is for when `face` is busy for ever.
 */
async function moreCards(face: Face, other: Face): Promise<() => Promise<void>> {
  writeFileSync('/sys/module/vfio_pci/parameters/enable_sriov', '1');
  writeFileSync(`${device(NVME)}/sriov_numvfs`, '2');
  // Its group asks for the token of its PF, though nobody has that open.
  const vfToken = crypto.randomUUID();
  open(NVME, { vfToken }).close();
  const vf = open(NVME_VFS[1], { vfToken });
  await face.run(`
    state.disk = lab.open('${DISK}', { share: true });
    state.vf = lab.open('${NVME_VFS[0]}', { share: true, vfToken: '${vfToken}' });`);
  await other.run(`
    state.disk = lab.open('${DISK}', { share: true });
    state.disk.onEvent(({ message }) => say(message));`);
  return async () => {
    const told = other.said();
    inject('POISON_TLP');
    assert.match(String(await told), reported(DISK));
    const event = befalls(vf);
    assert.ok((await write(`${device(NVME)}/sriov_numvfs`, '0')) < IN_TIME);
    assert.equal((await event).kind, 'req');
    assert.throws(() => vf.bar(0).read32(8), GoneError);
  };
}

/** The kernel is done with the error. */
async function recovered(): Promise<void> {
  const log = () => spawnSync('dmesg', { encoding: 'utf8' }).stdout;
  await until(() => /AER: device recovery (\w+)/.exec(log())?.[1] === 'successful', { every: 20, timeout: 60_000 });
}

/** An error of DISK as the bus reports it: poisoned data (not fatal), or a link that breaks the data link protocol (fatal). */
function inject(error: 'POISON_TLP' | 'DLP'): void {
  spawnSync('dmesg', ['-C']);
  assert.match(String(monitor(`pcie_aer_inject_error disk ${error}`)), /^OK id: disk/);
}

const reported = (bdf: string): RegExp =>
  new RegExp(`^${bdf} reported an uncorrectable error at \\d\\d:\\d\\d:\\d\\d \\(ERR\\); .* open it again$`);

/** Ref: Virtio 1.2, 4.1.4.3 and 2.1; 0 after a reset. */
const DEVICE_STATUS = 0x14;
const ACKNOWLEDGE = 1;

/** PCI-to-PCI Bridge Architecture 1.2, 3.2.5: which buses are behind it. */
const BUSES = 0x18;

test('a register that holds all-ones is told from a card that is not there', () => {
  using dev = open(EDU);
  const bar = dev.bar(0);
  const inverse = bar.registers({ LIVENESS: r32(4) });
  bar.write32(4, 0);
  const there = (): void => {
    assert.equal(bar.read32(4), 0xffff_ffff);
    assert.equal(inverse.LIVENESS.read(), 0xffff_ffff);
    assert.deepEqual([...bar.readBlock(4, 4)], [0xff, 0xff, 0xff, 0xff]);
  };
  there();
  // Config space of the card answers no more, as when its link is lost; QEMU has its registers still there, so that they are the same ones.
  const buses = bridge('0000:00:11.0');
  const absent = (error: unknown): boolean => {
    assert.ok(error instanceof GoneError, String(error));
    assert.match(error.message, /: the card answers all-ones, and so does its config space; is it in its slot/);
    return true;
  };
  bridge('0000:00:11.0', (buses & 0xff00_00ff) | 0x00fe_fe00);
  try {
    assert.throws(() => bar.read32(4), absent);
    assert.throws(() => inverse.LIVENESS.read(), absent);
    assert.throws(() => bar.readBlock(4, 4), absent);
    assert.throws(() => dev.config.read32(8), absent);
    const [link, ...more] = doctor(EDU).wrong;
    assert.match(`${link?.about}: ${link?.text}`, /^link: config space reads as all ones: the link is down/);
    assert.deepEqual(more, []);
    assert.equal(bar.read32(0), 0x010000ed, 'what is not all-ones is what it is');
  } finally {
    bridge('0000:00:11.0', buses);
  }
  there();
});

/** The bridge's bus numbers; written where they are given. */
function bridge(bdf: string, buses?: number): number {
  const bytes = Buffer.alloc(4);
  config(bdf, (fd) => {
    if (buses === undefined) return readSync(fd, bytes, 0, 4, BUSES);
    bytes.writeUInt32LE(buses >>> 0);
    return writeSync(fd, bytes, 0, 4, BUSES);
  });
  return bytes.readUInt32LE();
}

function config<T>(bdf: string, act: (fd: number) => T): T {
  const fd = openSync(`${device(bdf)}/config`, 'r+');
  try {
    return act(fd);
  } finally {
    closeSync(fd);
  }
}
