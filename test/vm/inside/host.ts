/**
 * In the guest: bind, release and doctor on the kernel's own sysfs; and what a doctor says is cured by running what it says. Begins and
 * ends with no card bound but EDU.
 */
import assert from 'node:assert/strict';
import { type ChildProcessByStdio, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { test } from 'node:test';
import { UsageError } from '../../../lib/errors.js';
import { driverOf, groupOf, nodesOf } from '../../../lib/host/group.js';
import { bind, type Diagnosis, dfhWalk, doctor, holders, list, open, release, until } from '../../../lib/index.js';
import { thrown } from '../../thrown.js';
import { DISK, EDU, EDU_TOO, IVSHMEM, NETWORK, NVME, NVME_VFS, SHARED, SHARED_OTHER } from '../cards.js';

const INDEX = new URL('../../../lib/index.js', import.meta.url).href;
const CLI = new URL('../../../repl/cli.js', import.meta.url).pathname;
const sys = (bdf: string, name: string): string => `/sys/bus/pci/devices/${bdf}/${name}`;
const NOBODY = 65534;
const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];

/** What a doctor finds that is not good. */
const ill = ({ findings }: Pick<Diagnosis, 'findings'>): string[] =>
  findings.filter(({ tone }) => tone !== 'good').map(({ about, text }) => `${about}: ${text}`);

/** Runs the commands of a diagnosis, as root does, who has no sudo here. */
function cure({ findings }: Pick<Diagnosis, 'findings'>): void {
  for (const command of findings.flatMap((finding) => finding.cure))
    execFileSync('sh', ['-ec', command.replace(/^sudo /, '')], { stdio: 'inherit' });
}

/** A process that opens cards or calls doctors: each line given to it is an expression, each answer a line of JSON. */
class Other {
  readonly process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(...wrapper: string[]) {
    const program = `import * as lab from '${INDEX}'; import { createInterface } from 'node:readline';
      for await (const line of createInterface({ input: process.stdin }))
        console.log(JSON.stringify((await new Function('lab', 'return ' + line)(lab)) ?? null));`;
    const [first = process.execPath, ...words] = [...wrapper, process.execPath, '--input-type=module', '-e', program];
    this.process = spawn(first, words, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }

  async ask(expression: string): Promise<unknown> {
    this.process.stdin.write(`${expression}\n`);
    const { value, done } = await this.#lines.next();
    assert.ok(!done, 'the other process ended');
    return JSON.parse(value);
  }

  async end(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill('SIGKILL');
    await once(this.process, 'exit');
  }
}

// Whatever the tests before this one bound.
release([EDU_TOO, NVME, ...SHARED, SHARED_OTHER]);

test('a release without a memory lets the kernel choose', () => {
  assert.equal(driverOf(EDU_TOO), undefined);
  assert.equal(driverOf(SHARED_OTHER), 'virtio-pci');
  assert.equal(readFileSync(sys(EDU_TOO, 'driver_override'), 'utf8').trim(), '(null)');
});

test('bind and release: a card that no driver has', () => {
  const { moves, nodes } = bind(EDU_TOO);
  assert.deepEqual(moves, [{ bdf: EDU_TOO, from: undefined, to: 'vfio-pci' }]);
  assert.ok(nodes.includes(`/dev/vfio/${groupOf(EDU_TOO)}`), nodes.join());
  const dev = open(EDU_TOO);
  assert.equal(dev.bar(0).read32(0), 0x0100_00ed);
  assert.match(thrown(() => release(EDU_TOO)).message, new RegExp(`it is open: by process ${process.pid} `));
  dev.close();
  assert.deepEqual(release(EDU_TOO).moves, [{ bdf: EDU_TOO, from: 'vfio-pci', to: undefined }]);
  assert.ok(!existsSync(`/run/vfiolab/drivers/${EDU_TOO}`));
});

test('bind and release: a card on a driver that it has by driver_override only', () => {
  writeFileSync(sys(EDU_TOO, 'driver_override'), 'uio_pci_generic');
  writeFileSync('/sys/bus/pci/drivers_probe', EDU_TOO);
  assert.equal(driverOf(EDU_TOO), 'uio_pci_generic');
  assert.equal(bind(EDU_TOO).moves[0]?.from, 'uio_pci_generic');
  assert.equal(driverOf(EDU_TOO), 'vfio-pci');
  release(EDU_TOO);
  assert.equal(driverOf(EDU_TOO), 'uio_pci_generic');
  writeFileSync(sys(EDU_TOO, 'driver_override'), '\n');
  writeFileSync(sys(EDU_TOO, 'driver/unbind'), EDU_TOO);
});

test('a dry run, given to a shell, does what bind does', () => {
  const { lines } = bind(EDU_TOO, { dryRun: true });
  assert.equal(driverOf(EDU_TOO), undefined);
  execFileSync('sh', ['-e'], { input: `${lines.join('\n')}\n` });
  assert.equal(driverOf(EDU_TOO), 'vfio-pci');
  execFileSync('sh', ['-e'], { input: `${release(EDU_TOO, { dryRun: true }).lines.join('\n')}\n` });
  assert.equal(driverOf(EDU_TOO), undefined);
});

test('a bridge is refused, and its driver stays', () => {
  const port = list().find((one) => one.driver === 'pcieport' && one.group !== undefined);
  assert.ok(port !== undefined);
  assert.ok(thrown(() => bind(port.bdf, { inUse: [port.bdf] })) instanceof UsageError);
  assert.equal(driverOf(port.bdf), 'pcieport');
});

test('a card that its driver uses: nvme goes and comes back', () => {
  assert.equal(driverOf(NVME), 'nvme');
  assert.deepEqual(bind(NVME).moves, [{ bdf: NVME, from: 'nvme', to: 'vfio-pci' }]);
  const dev = open(NVME);
  assert.notEqual(dev.bar(0).read32(8), 0xffff_ffff);
  dev.close();
  assert.deepEqual(release(NVME).moves, [{ bdf: NVME, from: 'vfio-pci', to: 'nvme' }]);
});

/** What the kernel made of a virtio card: 'vda' (block), 'eth0' (net); undefined where it has no driver for that. */
function partOf(bdf: string, kind: 'block' | 'net'): string | undefined {
  const devices = readdirSync(sys(bdf, '.')).filter((name) => /^virtio\d+$/.test(name));
  return devices.flatMap((name) =>
    existsSync(sys(bdf, `${name}/${kind}`)) ? readdirSync(sys(bdf, `${name}/${kind}`)) : [],
  )[0];
}

const sh = (...lines: string[]): Buffer => execFileSync('sh', ['-ec', lines.join('; ')], { stdio: 'pipe' });

/** `bind` leaves it alone, whatever else is named, and says how to end its use; which is then done. */
function refusedUntilEnded(bdf: string, uses: readonly string[], ends: readonly string[]): void {
  const driver = driverOf(bdf);
  const escaped = (texts: readonly string[], between: string): string => texts.join(between).replaceAll('.', '\\.');
  const message = new RegExp(
    `^${bdf}: bind: the host is using it: ${escaped(uses, ', ')}; end that first: (${escaped(ends, '; ')}); or take it all the same: --in-use ${bdf}$`,
  );
  for (const options of [{}, { dryRun: true }, { inUse: [EDU] }]) {
    const error = thrown(() => bind(bdf, options));
    assert.ok(error instanceof UsageError);
    assert.match(error.message, message);
  }
  assert.equal(driverOf(bdf), driver);
  sh(...ends);
  assert.deepEqual(bind(bdf).moves, [{ bdf, from: driver, to: 'vfio-pci' }]);
  assert.deepEqual(release(bdf).moves, [{ bdf, from: 'vfio-pci', to: driver }]);
}

const absent = (kind: 'block' | 'net'): string =>
  `this kernel has no ${kind === 'net' ? 'virtio_net' : 'virtio_blk'}: npm run vm:kernel builds one that has`;

test('a disk in use is left alone until that has ended: swap', (t) => {
  const disk = partOf(DISK, 'block');
  if (disk === undefined) return t.skip(absent('block'));
  sh(`mkswap /dev/${disk}`, `swapon /dev/${disk}`);
  refusedUntilEnded(DISK, [`${disk} is swap`], [`swapoff /dev/${disk}`]);
  assert.equal(partOf(DISK, 'block'), disk, 'its driver has it again');
});

test('a disk in use is left alone until that has ended: mounted; unless its name is given once more', (t) => {
  const disk = partOf(DISK, 'block');
  if (disk === undefined) return t.skip(absent('block'));
  if (!readFileSync('/proc/filesystems', 'utf8').includes('\text4\n')) return t.skip('this kernel has no ext4 loaded');
  const format = 'mkfs.ext4';
  if (spawnSync(format, ['-V']).error) return t.skip(`this machine has no ${format} (e2fsprogs)`);
  const point = '/run/disk in use';
  sh(`${format} -q -O ^has_journal /dev/${disk}`, `mkdir '${point}'`, `mount /dev/${disk} '${point}'`);
  refusedUntilEnded(DISK, [`${disk} is mounted on ${point}`], [`umount '${point}'`]);
  sh(`mount /dev/${disk} '${point}'`);
  assert.deepEqual(bind(DISK, { inUse: [DISK] }).moves, [{ bdf: DISK, from: 'virtio-pci', to: 'vfio-pci' }]);
  assert.equal(partOf(DISK, 'block'), undefined);
  sh(`umount '${point}'`);
  release(DISK);
});

test('a network card in use is left alone until that has ended', (t) => {
  const name = partOf(NETWORK, 'net');
  if (name === undefined) return t.skip(absent('net'));
  // It would give itself an address in a moment, or in the next.
  writeFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, '1');
  sh(`ip address add 192.0.2.1/24 dev ${name}`, `ip link set ${name} up`);
  refusedUntilEnded(
    NETWORK,
    [`${name} is up`, `${name} has a route`],
    [`ip link set ${name} down`, `ip route flush dev ${name}`],
  );
});

test('where the probe fails, though the write to drivers_probe did not, all is put back', () => {
  // vfio-pci takes no PF whose VFs are there, and nvme leaves them.
  writeFileSync(sys(NVME, 'sriov_drivers_autoprobe'), '0');
  writeFileSync(sys(NVME, 'sriov_numvfs'), '1');
  writeFileSync(sys(NVME, 'sriov_drivers_autoprobe'), '1');
  // A VF whose PF is its own driver's takes no token.
  const [vf] = NVME_VFS;
  bind(vf);
  assert.match(
    thrown(() => open(`group:${vf}`, { vfToken: crypto.randomUUID() })).message,
    new RegExp(`its PF ${NVME} is not bound to vfio-pci, and so there is no VF token \\(EINVAL\\); leave vfToken out`),
  );
  assert.deepEqual(ill(doctor(vf)), []);
  open(`group:${vf}`).close();
  release(vf);
  const inUse = thrown(() => bind(NVME));
  assert.match(
    inUse.message,
    /the host is using it: 1 VFs of it are enabled; end that first: echo 0 >\S+sriov_numvfs; or .*--in-use/,
  );
  const error = thrown(() => bind(NVME, { inUse: [NVME] }));
  assert.match(error.message, /drivers_probe: vfio-pci did not take the device: no driver has it; all is as it was/);
  assert.equal(driverOf(NVME), 'nvme');
  assert.equal(readFileSync(sys(NVME, 'driver_override'), 'utf8').trim(), '(null)');
  execFileSync('sh', ['-ec', /(echo 0 >\S+);/.exec(inUse.message)?.[1] ?? 'false']);
  bind(NVME);
  release(NVME);
});

test('not bound: the doctor’s command binds it, and then says nothing more', () => {
  const before = doctor(EDU_TOO);
  assert.deepEqual(ill(before), ['driver: no driver has it; open() needs vfio-pci']);
  cure(before);
  assert.deepEqual(ill(doctor(EDU_TOO)), []);
  open(EDU_TOO).close();
});

test('a group that is not viable: the doctor names who is in the way; its command makes way, release gives back', () => {
  execFileSync('sh', ['-ec', `. test/vm/guest.sh; bind ${SHARED[0]}`]);
  const before = doctor(SHARED[0]);
  const [said, ...more] = ill(before);
  assert.deepEqual(more, []);
  assert.match(
    said ?? '',
    new RegExp(`^group: group \\d+ is not viable: in the way is ${SHARED_OTHER} \\(class 00ff00`),
  );
  assert.match(said ?? '', /driver virtio-pci\)/);
  assert.throws(() => open(SHARED[0]), /not viable|EPERM|EBUSY/);
  cure(before);
  assert.deepEqual(ill(doctor(SHARED[0])), []);
  const dev = open(SHARED[0]);
  assert.equal(dev.bar(0).read32(0), 0x0100_00ed);
  dev.close();
  release(SHARED[0]);
  assert.equal(driverOf(SHARED_OTHER), 'virtio-pci');
  // And at once, as bind does it.
  const { moves } = bind(SHARED[0]);
  assert.deepEqual(
    moves.map(({ bdf, from }) => [bdf, from]),
    [
      [SHARED[0], undefined],
      [SHARED_OTHER, 'virtio-pci'],
    ],
  );
  open(SHARED[0]).close();
  release(SHARED[0]);
  assert.equal(driverOf(SHARED_OTHER), 'virtio-pci');
  assert.equal(driverOf(SHARED[0]), undefined);
});

test('bind --user: another user opens the card; without it the doctor’s commands let them', async () => {
  const node = `/dev/vfio/${groupOf(EDU_TOO)}`;
  const other = new Other(...AS_NOBODY, 'prlimit', '--memlock=65536:65536');
  try {
    chownSync(node, 0, 0);
    const sick = (await other.ask(`lab.doctor('${EDU_TOO}')`)) as Diagnosis;
    const [permission, memlock, ...more] = ill(sick);
    assert.deepEqual(more, []);
    assert.equal(permission, `node: nobody has no permission for ${node}`);
    assert.equal(memlock, 'memlock: DMA memory is locked memory, and nobody may lock 64 KiB of it (RLIMIT_MEMLOCK)');
    cure(sick);
    assert.deepEqual(ill((await other.ask(`lab.doctor('${EDU_TOO}')`)) as Diagnosis), []);
    // 1 MiB of DMA memory, sixteen times the limit of before.
    const opened = `(globalThis.dev = lab.open('${EDU_TOO}'), dev.dma(2 ** 20), dev.bar(0).read32(0))`;
    assert.equal(await other.ask(opened), 0x0100_00ed);
    assert.equal(await other.ask('void dev.close()'), null);
    // Root's processes are not theirs to see, but that the card is enabled is.
    const seen = async () => ill((await other.ask(`lab.doctor('${EDU_TOO}')`)) as Diagnosis).join();
    {
      using _ = open(EDU_TOO);
      assert.match(await seen(), /^holder: it is enabled, as while it is open/);
    }
    assert.equal(await seen(), '');

    release(EDU_TOO);
    const said = execFileSync(process.execPath, [
      CLI,
      'bind',
      EDU_TOO,
      '--user',
      String(NOBODY),
      '--group',
      String(NOBODY),
    ]);
    assert.match(String(said), new RegExp(`${EDU_TOO} +no driver +→ +vfio-pci\n +${node}`));
    for (const its of Object.values(nodesOf(EDU_TOO)))
      assert.deepEqual([statSync(its).uid, statSync(its).gid], [NOBODY, NOBODY], its);
    assert.equal(await other.ask(`lab.open('${EDU_TOO}').bar(0).read32(0)`), 0x0100_00ed);
  } finally {
    await other.end();
  }
});

test('no huge pages: the doctor’s command makes some', () => {
  const file = '/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages';
  const pages = readFileSync(file, 'utf8');
  writeFileSync(file, '0');
  const before = doctor();
  assert.deepEqual(ill(before), ['huge pages: there are none of 2 MiB: a buffer that asks for them is refused']);
  assert.deepEqual(before.wrong, []);
  cure(before);
  assert.deepEqual(ill(doctor()), []);
  writeFileSync(file, pages);
});

test('a card that another process shares is in nobody’s way', async () => {
  bind(EDU_TOO);
  const other = new Other();
  try {
    await other.ask(`(globalThis.dev = lab.open('${EDU_TOO}', { share: true }), dev.bar(0).read32(0))`);
    assert.equal(holders(EDU_TOO).length, 1);
    // The thread that serves it begins when the card is open.
    await until(() => ill(doctor(EDU_TOO)).length === 0, { every: 100, timeout: 60_000 });
    const dev = open(EDU_TOO, { share: true });
    assert.equal(dev.bar(0).read32(0), 0x0100_00ed);
    dev.close();
  } finally {
    await other.end();
    release(EDU_TOO);
  }
});

test('open in another process, and asleep in its hands: the doctor names both, and its commands end both', async () => {
  bind(NVME, { inUse: [NVME] });
  const other = new Other();
  try {
    await other.ask(`(globalThis.dev = lab.open('${NVME}'), dev.bar(0).read32(0))`);
    // The power management capability's control register, to D3hot.
    await other.ask(
      `(() => { const { config } = dev; const pm = dev.cap('PM').offset; config.write16(pm + 4, config.read16(pm + 4) | 3); })()`,
    );
    assert.equal(readFileSync(sys(NVME, 'power_state'), 'utf8'), 'D3hot\n');
    assert.deepEqual(
      holders(NVME).map(({ pid }) => pid),
      [other.process.pid],
    );
    const before = doctor(NVME);
    const [power, holder, ...more] = ill(before);
    assert.deepEqual(more, []);
    assert.match(power ?? '', /^power: the device is in D3hot: its BARs answer nothing, or fault/);
    assert.match(holder ?? '', new RegExp(`^holder: process ${other.process.pid} has it open: .*node`));
    cure(before);
    if (other.process.signalCode === null) await once(other.process, 'exit');
    assert.deepEqual(ill(doctor(NVME)), []);
    const dev = open(NVME);
    assert.notEqual(dev.bar(0).read32(0), 0xffff_ffff);
    dev.close();
  } finally {
    await other.end();
    release(NVME);
  }
});

test('the host as a whole is well', () => {
  assert.deepEqual(ill(doctor()), []);
});

test('list tells the cards of this machine', () => {
  release(EDU_TOO);
  const all = list();
  const one = (bdf: string) => all.find((each) => each.bdf === bdf);
  assert.equal(one(EDU_TOO)?.vfio.reason, 'no driver');
  assert.equal(one(SHARED_OTHER)?.vfio.reason, 'bound to virtio-pci');
  assert.deepEqual([one(EDU)?.vendor, one(EDU)?.device], [0x1234, 0x11e8]);
  assert.ok(one(EDU)?.unused.includes('vfio-pci') || one(EDU)?.driver === 'vfio-pci');
  assert.ok(all.some((each) => each.class >> 8 === 0x0604 && each.vfio.reason === 'a bridge'));
});

test('a list of device feature headers is walked in a card’s memory', () => {
  bind(IVSHMEM);
  const dev = open(IVSHMEM);
  try {
    const bar = dev.bar(2);
    // An FIU, and 4 KiB on a private feature, the last.
    bar.write64(0x0000, (4n << 60n) | (0x1000n << 16n) | 2n);
    bar.write64(0x0008, 0x89ab_cdef_0123_4567n);
    bar.write64(0x0010, 0xfeed_beef_dead_c0den);
    bar.write64(0x1000, (3n << 60n) | (1n << 40n) | (1n << 12n) | 0x10n);
    const { features, broken } = dfhWalk(bar);
    assert.equal(broken, undefined);
    assert.deepEqual(
      features.map(({ offset, type, id, revision }) => [offset, type, id, revision]),
      [
        [0, 'FIU', 2, 0],
        [0x1000, 'PRIVATE', 0x10, 1],
      ],
    );
    assert.equal(features[0]?.guid, 'feedbeef-dead-c0de-89ab-cdef01234567');
    dev.close();
    const said = String(execFileSync(process.execPath, [CLI, 'walk', IVSHMEM, 'bar2']));
    assert.match(said, /bar2: 2 features\n.*\n +0x00000 +FIU +0x2 .*feedbeef[^\n]*\n +0x01000 +PRIVATE +0x10/);
  } finally {
    dev.close();
    release(IVSHMEM);
  }
});
