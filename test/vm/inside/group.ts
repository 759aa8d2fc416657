/** In the guest: cards opened through their groups, and each way that fails. EDU and SHARED[0] are bound to vfio-pci. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, readlinkSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { IRQ, REGION } from '../../../lib/backend.js';
import { openGroup } from '../../../lib/backends/group.js';
import { ClosedError, SystemError, UsageError } from '../../../lib/errors.js';
import { thrown } from '../../thrown.js';
import { E1000E, EDU, NVME, SHARED, SHARED_OTHER } from '../cards.js';
import { command, MASTER, on } from './backend.js';
import { held } from './held.js';

const { BAR0, CONFIG } = REGION;
const LIB = new URL('../../../lib/', import.meta.url);
const GROUP = basename(readlinkSync(`/sys/bus/pci/devices/${EDU}/iommu_group`));

/** A program in a process of its own; `open` opens edu. */
function program(body: string): string {
  return `import { openGroup } from '${LIB.href}backends/group.js';
    const EDU = '${EDU}';
    ${body}`;
}

function run(body: string, as: readonly string[] = []) {
  const argv = [...as, process.execPath, '--input-type=module', '-e', program(body)];
  return spawnSync(argv[0] ?? '', argv.slice(1), { encoding: 'utf8' });
}

on('edu as the kernel tells it', (dev) => {
  assert.equal(dev.spec, `group:${EDU}`);
  assert.equal(dev.path, EDU);
  assert.equal(dev.driver, `vfio-pci, group ${GROUP}`);
  assert.equal(dev.canReset, true);
  assert.deepEqual(dev.regions, [
    {
      ...{ index: 0, name: 'bar0', size: 2 ** 20, readable: true, writable: true, io: false },
      mapped: [{ offset: 0, size: 2 ** 20 }],
    },
    { index: 7, name: 'config', size: 256, readable: true, writable: true, io: false, mapped: [] },
  ]);
  assert.deepEqual(
    dev.irqs.map(({ name, count, maskable, automasked }) => [name, count, maskable, automasked]),
    [
      ['intx', 1, true, true],
      ['msi', 1, false, false],
      // Newer kernels (7.3) have it for cards without PCI Express too.
      ...(dev.irqs.some(({ name }) => name === 'err') ? [['err', 1, false, false]] : []),
      ['req', 1, false, false],
    ],
  );
  // The window of the MSI doorbells is never in a range.
  assert.equal(dev.iovaRanges[0]?.last, 0xfedf_ffffn);
  assert.equal(dev.iovaRanges[1]?.first, 0xfef0_0000n);
  assert.deepEqual(dev.pageSizes.slice(0, 2), [4096, 2 ** 21]);
});

on('opening is inert, and the second open works as the first', (dev) => {
  assert.equal(command(dev) & MASTER, 0);
  assert.equal(dev.read(BAR0, 0, 32), 0x010000ed);
  dev.close();
  assert.deepEqual(held(), []);
  const again = openGroup(EDU);
  assert.equal(again.read(BAR0, 0, 32), 0x010000ed);
  assert.equal(command(again) & MASTER, 0);
  again.close();
  again.close();
});

on('every fd is close-on-exec', (dev) => {
  const fds = dev.eventfd();
  const { stdout } = spawnSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
  assert.match(stdout, /-> /);
  assert.doesNotMatch(stdout, /vfio|eventfd/);
  assert.equal(held().length, 4);
  fds.close();
});

on('a second open, here or in another process, is EBUSY and names who has it', () => {
  const here = thrown(() => openGroup(EDU));
  assert.ok(here instanceof SystemError);
  assert.equal(here.errno, 'EBUSY');
  assert.match(
    here.message,
    new RegExp(`step 3, open /dev/vfio/${GROUP}: group ${GROUP} is already open: by this process`),
  );
  const there = run('openGroup(EDU)');
  assert.match(there.stderr, new RegExp(`already open: by process ${process.pid} \\(\\S*node`));
  assert.equal(there.status, 1);
});

test('a killed process leaves the card free, though a child of it lives on', async () => {
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      program(`import { spawn } from 'node:child_process';
        const dev = openGroup(EDU);
        const fds = [dev.eventfd(), dev.eventfd()];
        dev.dmaMap(dev.dmaAlloc(4096, 4096), 0x10000n, { read: true, write: true });
        const child = spawn('sleep', ['60'], { stdio: 'ignore' });
        console.log(child.pid);
        setInterval(() => fds, 1000);`),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [output] = await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
  const dev = openGroup(EDU);
  assert.equal(dev.read(BAR0, 0, 32), 0x010000ed);
  dev.close();
  process.kill(Number(String(output)));
});

test('a closed backend: every verb says so, closing again does nothing', () => {
  const dev = openGroup(EDU);
  const memory = dev.dmaAlloc(4096, 4096);
  dev.close();
  dev.close();
  const verbs = [
    () => dev.read(BAR0, 0, 32),
    () => dev.read(BAR0, 0x80, 64),
    () => dev.write(BAR0, 4, 32, 0),
    () => dev.readBlock(BAR0, 0, 32, new Uint8Array(8)),
    () => dev.writeBlock(BAR0, 0, 32, new Uint8Array(8)),
    () => dev.read(CONFIG, 0, 16),
    () => dev.dmaAlloc(4096, 4096),
    () => dev.dmaMap(memory, 0n, { read: true, write: true }),
    () => dev.dmaUnmap(0n, 4096),
    () => dev.eventfd(),
    () => dev.setIrqs(IRQ.msi, 'trigger', 0, { none: 0 }),
    () => dev.reset(),
  ];
  for (const verb of verbs) assert.ok(thrown(verb) instanceof ClosedError, String(verb));
  memory.release();
});

test('absent, malformed, on another driver, on none: each says what to do', () => {
  const absent = thrown(() => openGroup('0000:99:00.0'));
  assert.match(absent.message, /^0000:99:00\.0: step 2, \/sys\/\S+: there is no such device \(ENOENT\); .*lspci -D/);
  for (const bad of [
    'foo',
    '01:00.0',
    '0000:01:00',
    '0000:01:20.0',
    '0000:01:00.8',
    ' 0000:01:00.0',
    '../0000:01:00.0',
  ]) {
    assert.ok(thrown(() => openGroup(bad)) instanceof UsageError, bad);
  }
  const other = thrown(() => openGroup(SHARED_OTHER));
  assert.match(
    other.message,
    /step 2, .*the driver virtio-pci has the device; .*driver_override.*unbind.*drivers_probe/,
  );
  assert.match(thrown(() => openGroup(E1000E)).message, /no driver has the device; .*drivers_probe/);
  assert.deepEqual(held(), []);
});

test('the hint is a command that works: nvme, with its MSI-X table, opens after it', () => {
  const { hint } = thrown(() => openGroup(NVME));
  const line = /sudo (sh -c '.*')/.exec(hint)?.[1] ?? '';
  assert.equal(spawnSync('sh', ['-c', line], { encoding: 'utf8' }).status, 0, hint);
  const dev = openGroup(NVME);
  const [bar0] = dev.regions;
  assert.deepEqual(bar0?.mapped, [{ offset: 0, size: 0x4000 }]);
  assert.deepEqual(
    dev.irqs.map(({ name, count }) => [name, count]),
    [
      ['intx', 1],
      ['msix', 9],
      ['err', 1],
      ['req', 1],
    ],
  );
  // CAP, 64 bits: its own register says how many entries a queue has.
  assert.equal(BigInt.asUintN(32, dev.read(BAR0, 0, 64) as bigint), BigInt(dev.read(BAR0, 0, 32)));
  const fds = Array.from({ length: 9 }, () => dev.eventfd());
  dev.setIrqs(IRQ.msix, 'trigger', 0, { eventfds: fds });
  dev.setIrqs(IRQ.msix, 'trigger', 3, { none: 2 });
  assert.deepEqual(
    fds.map((fd) => fd.drain()),
    [0, 0, 0, 1, 1, 0, 0, 0, 0],
  );
  assert.match(thrown(() => dev.setIrqs(IRQ.msix, 'trigger', 8, { none: 2 })).message, /EINVAL/);
  dev.setIrqs(IRQ.msix, 'trigger', 0, { none: 0 });
  for (const fd of fds) fd.close();
  dev.close();
  assert.deepEqual(held(), []);
});

test('a group that is not viable names the other members and their drivers', () => {
  const error = thrown(() => openGroup(SHARED[0]));
  assert.match(error.message, /step 4, VFIO_GROUP_GET_STATUS: group \d+ is not viable/);
  assert.match(error.message, new RegExp(`in the way is ${SHARED_OTHER} \\(virtio-pci\\)`));
  assert.match(error.message, new RegExp(`${SHARED[1]} \\(no driver\\)`));
  const line = /sudo (sh -c '.*')/.exec(error.hint)?.[1] ?? '';
  assert.equal(spawnSync('sh', ['-c', line], { encoding: 'utf8' }).status, 0, error.hint);
  const dev = openGroup(SHARED[0]);
  assert.equal(dev.read(BAR0, 0, 32), 0x010000ed);
  assert.equal(dev.canReset, false);
  assert.match(thrown(() => dev.reset()).message, /VFIO_DEVICE_RESET: the device has no reset of its own/);
  dev.close();
  assert.deepEqual(held(), []);
});

test('not root: no permission says chown; with the node, too little memlock names the limit', () => {
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  const refused = run(`openGroup(EDU)`, nobody);
  assert.match(refused.stderr, new RegExp(`step 3, open /dev/vfio/${GROUP}: no permission .*\\(EACCES\\); .*chown`));
  chownSync(`/dev/vfio/${GROUP}`, 65534, 65534);
  const body = `const dev = openGroup(EDU);
    console.log(dev.read(0, 0, 32));
    try { dev.dmaMap(dev.dmaAlloc(2 ** 20, 4096), 0x100000n, { read: true, write: true }); } catch (error) { console.log(error.message); }
    console.log(dev.read(0, 0, 32));`;
  const limited = run(body, [...nobody, 'prlimit', '--memlock=65536:65536']);
  const [before, message, after] = limited.stdout.split('\n');
  assert.deepEqual([before, after], [String(0x010000ed), String(0x010000ed)], limited.stderr);
  assert.match(message ?? '', /VFIO_IOMMU_MAP_DMA: .*RLIMIT_MEMLOCK 65536 bytes.*\(ENOMEM\); .*ulimit -l/);
  chownSync(`/dev/vfio/${GROUP}`, 0, 0);
});

test('e1000e: two memory BARs, I/O ports, an MSI-X BAR and a ROM, each as what it is', () => {
  writeFileSync(`/sys/bus/pci/devices/${E1000E}/driver_override`, 'vfio-pci');
  writeFileSync('/sys/bus/pci/drivers_probe', E1000E);
  const dev = openGroup(E1000E);
  assert.deepEqual(
    dev.regions.map(({ name, size, io, mapped }) => [name, size, io, mapped.length]),
    [
      ['bar0', 0x20000, false, 1],
      ['bar1', 0x20000, false, 1],
      ['bar2', 0x20, true, 0],
      ['bar3', 0x4000, false, 1],
      ['rom', 0x40000, false, 0],
      ['config', 4096, false, 0],
    ],
  );
  dev.close();
});
