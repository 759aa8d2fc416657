/** In a guest without an IOMMU: the card is opened all the same by who asks for it, and does DMA by physical address. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import { EDU_BUFFER, list, open, SystemError, UsageError } from '../../../lib/index.js';
import { acknowledge, raise, transfer } from '../../contract/edu.js';
import { EDU_TOO } from '../cards.js';
import { groupOf } from '../../../lib/host/group.js';
import { CHECKOUT } from '../guest.js';
import { as } from './as.js';
import { held } from './held.js';

const SPEC = `noiommu:${EDU_TOO}`;
const SWITCH = '/sys/module/vfio/parameters/enable_unsafe_noiommu_mode';
const CARD = BigInt(EDU_BUFFER.offset);
const bind = () => spawnSync('sh', ['-c', `. ${CHECKOUT}/test/vm/guest.sh; bind ${EDU_TOO}`], { encoding: 'utf8' });

test('refused without the word for it, naming the risk; before any file is opened', () => {
  for (const options of [{}, { unsafe: false }, { unsafe: 1 as never }]) {
    assert.throws(
      () => open(SPEC, options),
      (error) =>
        error instanceof UsageError &&
        /overwrite all of this machine’s memory; .*open\('noiommu:0000:06:00\.0', \{ unsafe: true \}\)/.test(
          error.message,
        ),
    );
  }
  for (const [options, words] of [
    [{ vfToken: crypto.randomUUID() }, /leave vfToken out/],
    [{ iommuOf: {} as never }, /iommuOf is not a device/],
  ] as const) {
    assert.throws(() => open(SPEC, { unsafe: true, ...options }), words);
  }
});

test('while the mode is off the card is in no group, and the error says what to switch on', () => {
  assert.throws(
    () => open(SPEC, { unsafe: true }),
    (error) => error instanceof SystemError && /in no IOMMU group; .*enable_unsafe_noiommu_mode/.test(error.message),
  );
});

const kernelHasIt = existsSync(SWITCH)
  ? {}
  : { skip: 'this kernel has no no-IOMMU mode: npm run vm:kernel builds one that has' };

test('DMA to and from pages of 4 KiB and 2 MiB, interrupts, a warning', kernelHasIt, async () => {
  writeFileSync(SWITCH, '1');
  const bound = bind();
  assert.equal(bound.status, 0, bound.stderr);
  // Since Linux 7.3 it has a node of its own as well, which is no way around the question.
  for (const spec of [EDU_TOO, `group:${EDU_TOO}`, `iommufd:${EDU_TOO}`]) {
    assert.throws(() => open(spec), /no IOMMU has the card.*open\('noiommu:0000:06:00\.0', \{ unsafe: true \}\)/, spec);
  }
  const seen = list().find(({ bdf }) => bdf === EDU_TOO)?.vfio;
  assert.equal(seen?.usable, false, seen?.reason);
  const program = `import { open } from '${CHECKOUT}/dist/lib/index.js';
    const dev = open('${SPEC}', { unsafe: true }); console.log(dev.spec, '-', dev.driver); dev.close();`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  assert.equal(child.stdout, `${SPEC} - vfio-pci, no IOMMU\n`, child.stderr);
  assert.match(child.stderr, /^vfiolab: 0000:06:00\.0: no IOMMU has it: .*overwrite all of this machine’s memory$/m);

  // Its node may be anybody's: the kernel asks for privilege besides.
  chmodSync(`/dev/vfio/noiommu-${groupOf(EDU_TOO)}`, 0o666);
  as(65534, () =>
    assert.throws(
      () => open(SPEC, { unsafe: true }),
      (error) =>
        error instanceof SystemError &&
        /step 3, open \S+noiommu-\d+: .*privileged processes only \(CAP_SYS_RAWIO\) \(EPERM\); run it as root$/.test(
          error.message,
        ),
    ),
  );

  const dev = open(SPEC, { unsafe: true });
  dev.busMaster(true);
  for (const pageSize of ['4K', '2M'] as const) {
    const buf = dev.dma(4096, { pageSize });
    assert.equal(buf.iova % BigInt(buf.pageSize), 0n);
    assert.notEqual(buf.iova, 0n);
    const last = buf.size - 64;
    buf.bytes.set([1, 2, 3, 4, 5, 6, 7, 8], last);
    transfer(dev, buf.iova + BigInt(last), CARD, 8, 'to card');
    transfer(dev, CARD, buf.iova, 8, 'to memory');
    assert.deepEqual([...buf.bytes.subarray(0, 8)], [1, 2, 3, 4, 5, 6, 7, 8]);
    assert.throws(() => dev.dma(4096, { mask: 0xfff }), /above the mask/);
  }
  const [irq] = dev.enableIrqs('msi');
  raise(dev);
  await irq.wait({ timeout: 20_000 });
  acknowledge(dev);
  assert.throws(() => dev.dma(8192), /2 pages of 4096.*only one page lies in one piece; .*'2M'/);
  assert.throws(
    () => dev.dma(4096, { iova: 0x10_0000n }),
    /the card sees memory where it is, at 0x[0-9a-f]+; leave iova and guard out/,
  );
  assert.throws(() => dev.dma(4096, { guard: true }), /leave iova and guard out/);
  dev.reset();
  assert.equal(dev.bar(0).read32(0), 0x0100_00ed);
  assert.throws(() => open(`group:${EDU_TOO}`), /open already/);
  dev.close();
  assert.deepEqual(held(), []);
});
