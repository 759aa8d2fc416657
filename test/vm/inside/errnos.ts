/**
 * In the guest: what the kernel says no to on the iommufd path, and across both, each with its errno, why, and what to do next. EDU,
 * EDU_TOO and E1000E are bound to vfio-pci. (The legacy group's: group.ts. Without interrupt remapping: ../iommu.test.ts.)
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import test from 'node:test';
import { type Backend, IRQ } from '../../../lib/backend.js';
import { openGroup } from '../../../lib/backends/group.js';
import { openIommufd } from '../../../lib/backends/iommufd.js';
import { addToContainer, deviceFd, openContainer, openNode, setIommu } from '../../../lib/backends/steps.js';
import { groupOf } from '../../../lib/host/group.js';
import { LabError, open } from '../../../lib/index.js';
import { libc } from '../../../lib/native.js';
import { FLAG } from '../../../lib/uapi.js';
import { E1000E, EDU, EDU_TOO, NVME } from '../cards.js';
import { as } from './as.js';
import { held } from './held.js';
import { IOMMUFD, PATHS } from './paths.js';

const RW = { read: true, write: true };
const options = IOMMUFD ? {} : { skip: 'this kernel has no iommufd: npm run vm:kernel builds one that has' };
const nodeOf = (bdf: string): string => `/dev/vfio/devices/${readdirSync(`/sys/bus/pci/devices/${bdf}/vfio-dev`)[0]}`;

/** What each ioctl refuses: the errno, and the words for it. */
const REFUSED: readonly [what: string, act: (dev: Backend) => unknown, errno: string, words: RegExp][] = [
  [
    'a part of an IOVA range that is mapped',
    (dev) => dev.dmaMap(dev.dmaAlloc(8192, 4096), 0x10_1000n, RW),
    'EEXIST',
    /\/dma@0x101000: IOMMU_IOAS_MAP: .*mapped already.*free the buffer that is there/,
  ],
  [
    'the window of the MSI doorbells',
    (dev) => dev.dmaMap(dev.dmaAlloc(4096, 4096), 0xfee0_0000n, RW),
    'EINVAL',
    /not in the IOMMU's ranges.*the ranges are 0x0-0xfedfffff, 0xfef00000-/,
  ],
  ['an unaligned IOVA', (dev) => dev.dmaMap(dev.dmaAlloc(4096, 4096), 0x30_0800n, RW), 'EINVAL', /not page-aligned/],
  ['beyond the ranges', (dev) => dev.dmaMap(dev.dmaAlloc(4096, 4096), 1n << 60n, RW), 'EINVAL', /the ranges are/],
  [
    'past 64 bits',
    (dev) => dev.dmaMap(dev.dmaAlloc(8192, 4096), 0xffff_ffff_ffff_f000n, RW),
    'EOVERFLOW',
    /IOMMU_IOAS_MAP: .*not in the IOMMU's ranges.*the ranges are/,
  ],
  [
    'an unmap of nothing',
    (dev) => dev.dmaUnmap(0x50_0000n, 4096),
    'ENOENT',
    /IOMMU_IOAS_UNMAP: nothing is mapped there.*once/,
  ],
  [
    'an unmap of a part',
    (dev) => dev.dmaUnmap(0x10_0000n, 4096),
    'ENOENT',
    /or only a part of it.*exactly what was mapped/,
  ],
  [
    'INTx while MSI is on',
    (dev) => {
      dev.setIrqs(IRQ.msi, 'trigger', 0, { eventfds: [dev.eventfd()] });
      dev.setIrqs(IRQ.intx, 'trigger', 0, { eventfds: [dev.eventfd()] });
    },
    'EINVAL',
    /\/intx: VFIO_DEVICE_SET_IRQS \(trigger\): .*exclude each other/,
  ],
  [
    'INTx that an eventfd unmasks already',
    (dev) => {
      dev.setIrqs(IRQ.msi, 'trigger', 0, { none: 0 });
      dev.setIrqs(IRQ.intx, 'trigger', 0, { eventfds: [dev.eventfd()] });
      for (let twice = 0; twice < 2; twice++) dev.setIrqs(IRQ.intx, 'unmask', 0, { eventfds: [dev.eventfd()] });
    },
    'EBUSY',
    /\/intx: VFIO_DEVICE_SET_IRQS \(unmask\): .*unmasked by an eventfd already/,
  ],
  [
    'a vector that is not enabled',
    (dev) => {
      dev.setIrqs(IRQ.intx, 'trigger', 0, { none: 0 });
      dev.setIrqs(IRQ.msi, 'trigger', 0, { none: 1 });
    },
    'EINVAL',
    /\/msi: VFIO_DEVICE_SET_IRQS \(trigger\): .*or the vector is not/,
  ],
  ['masking MSI', (dev) => dev.setIrqs(IRQ.msi, 'mask', 0, { none: 1 }), 'ENOTTY', /cannot mask or unmask this kind/],
];

test('the errnos of an IOAS and of its device, each in words', options, async (t) => {
  const dev = openIommufd(EDU);
  dev.dmaMap(dev.dmaAlloc(8192, 4096), 0x10_0000n, RW);
  for (const [what, act, errno, words] of REFUSED) {
    await t.test(what, () => {
      assert.throws(
        () => act(dev),
        (error) => error instanceof LabError && error.errno === errno && words.test(error.message) && error.hint !== '',
        `${errno} ${words}`,
      );
    });
  }
  dev.dmaUnmap(0x10_0000n, 8192);
  dev.close();
  assert.deepEqual(held(), []);
});

/** Each kind of interrupt keeps out the others. */
const EXCLUSIVE: readonly (readonly [on: number, refused: number])[] = [
  [IRQ.msix, IRQ.msi],
  [IRQ.msix, IRQ.intx],
  [IRQ.msi, IRQ.msix],
  [IRQ.intx, IRQ.msi],
];

test('INTx, MSI and MSI-X exclude each other, as the kernel says it', () => {
  for (const path of PATHS) {
    const dev = path === 'group' ? openGroup(E1000E) : openIommufd(E1000E);
    for (const [on, refused] of EXCLUSIVE) {
      dev.setIrqs(on, 'trigger', 0, { eventfds: [dev.eventfd()] });
      assert.throws(
        () => dev.setIrqs(refused, 'trigger', 0, { eventfds: [dev.eventfd()] }),
        (error) => error instanceof LabError && error.errno === 'EINVAL' && /exclude each other/.test(error.message),
        `${on} ${refused}`,
      );
      dev.setIrqs(on, 'trigger', 0, { none: 0 });
    }
    dev.close();
  }
  assert.deepEqual(held(), []);
});

test('the steps of the group path out of order, and a device that is not in the group', () => {
  const group = groupOf(EDU) ?? -1;
  const [container, node] = [openContainer(EDU, FLAG.VFIO_TYPE1v2_IOMMU), openNode(EDU, group)];
  try {
    const refused = (act: () => unknown, words: RegExp): void => assert.throws(act, words);
    refused(() => setIommu(EDU, container, FLAG.VFIO_TYPE1v2_IOMMU), /step 5, VFIO_SET_IOMMU: .*\(EINVAL\)/);
    refused(
      () => deviceFd(EDU, node, undefined),
      /step 7, VFIO_GROUP_GET_DEVICE_FD: the group is in no container that has an IOMMU \(EINVAL\)/,
    );
    addToContainer(EDU, group, node, container);
    setIommu(EDU, container, FLAG.VFIO_TYPE1v2_IOMMU);
    refused(
      () => deviceFd('0000:99:00.0', node, undefined),
      /^.*0000:99:00\.0: step 7, .*: the group has no device of that name \(ENODEV\); bind it to vfio-pci/,
    );
  } finally {
    for (const fd of [node, container]) libc().close(fd);
  }
  assert.deepEqual(held(), []);
});

test('nobody may open the container: the error says that it grants nothing by itself', () => {
  const container = '/dev/vfio/vfio';
  chmodSync(container, 0o600);
  try {
    as(65534, () =>
      assert.throws(
        () => openGroup(EDU),
        /step 1, open \/dev\/vfio\/vfio: no permission .*\(EACCES\); .*grants nothing by itself: sudo chmod 0666/,
      ),
    );
  } finally {
    chmodSync(container, 0o666);
  }
});

/** Opens each spec that it reads, as who runs it, and says what came of it; one that opens maps a MiB. */
const OPENER = `
  import { createInterface } from 'node:readline';
  import { open } from '${new URL('../../../lib/index.js', import.meta.url).href}';
  for await (const spec of createInterface({ input: process.stdin })) {
    try {
      const dev = open(spec);
      let mapped = 'mapped';
      try { dev.dma(2 ** 20) } catch (error) { mapped = error.message }
      dev.close();
      console.log(dev.spec, mapped);
    } catch (error) { console.log(error.message) }
  }`;

test('another user, another process: who may not, who has it, and how much may be locked', options, async (t) => {
  const [node, other, group] = [nodeOf(EDU), nodeOf(EDU_TOO), `/dev/vfio/${groupOf(EDU)}`];
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', 'prlimit', '--memlock=65536:65536'];
  const child = spawn('setpriv', [...nobody, process.execPath, '--input-type=module', '-e', OPENER], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (spec: string): Promise<string> => {
    child.stdin.write(`${spec}\n`);
    return String((await answers.next()).value);
  };
  try {
    chmodSync('/dev/iommu', 0o600);
    assert.match(
      await ask(`iommufd:${EDU}`),
      /open \/dev\/iommu: no permission for \/dev\/iommu \(EACCES\); take it: sudo chown/,
    );
    chmodSync('/dev/iommu', 0o666);
    assert.match(
      await ask(`iommufd:${EDU}`),
      new RegExp(`open ${node}: no permission for ${node} \\(EACCES\\); .*chown .*${node}`),
    );
    // The plain BDF goes the way that is left, and that is not allowed either.
    assert.match(await ask(EDU), new RegExp(`step 3, open ${group}: no permission for ${group} \\(EACCES\\)`));
    chownSync(group, 65534, 65534);
    assert.match(
      await ask(EDU),
      new RegExp(`^group:${EDU} .*VFIO_IOMMU_MAP_DMA: .*RLIMIT_MEMLOCK 65536 bytes.*\\(ENOMEM\\)`),
    );
    chownSync(node, 65534, 65534);
    assert.match(
      await ask(EDU),
      new RegExp(`^iommufd:${EDU} .*IOMMU_IOAS_MAP: .*RLIMIT_MEMLOCK 65536 bytes.*\\(ENOMEM\\); .*ulimit -l`),
    );
    await t.test('held through its own node: EBUSY by the group, EINVAL by the node', async () => {
      using mine = open(`iommufd:${EDU}`);
      assert.match(
        await ask(`group:${EDU}`),
        /step 3, open \S+: group \d+ is already open: by .*\(EBUSY\); .*close it there first/,
      );
      assert.match(
        await ask(`iommufd:${EDU}`),
        /VFIO_DEVICE_BIND_IOMMUFD: it is already open: by .*\(EINVAL\); .*close it there first/,
      );
      assert.equal(mine.bar(0).read32(0), 0x0100_00ed);
    });
    await t.test('held through its group: EBUSY by the node', async () => {
      using mine = open(`group:${EDU}`);
      assert.match(await ask(`iommufd:${EDU}`), /VFIO_DEVICE_BIND_IOMMUFD: it is already open: by .*\(EBUSY\)/);
      assert.equal(mine.bar(0).read32(0), 0x0100_00ed);
    });
    assert.match(
      await ask(`iommufd:${NVME.replace('02', '99')}`),
      /there is no such device \(ENOENT\); see what there is: lspci -D/,
    );
  } finally {
    child.stdin.end();
    chmodSync('/dev/iommu', 0o600);
    for (const file of [node, other, group]) chownSync(file, 0, 0);
  }
});
