/**
 * `npm run vm:setup`: fetches what a guest needs and this machine lacks, into the cache folder; installs nothing.
 * QEMU 10 or later and busybox; where no better kernel is named or built, Debian's stock kernel; and, to compare with, the newest lspci
 * and kernel headers.
 */
import { pathToFileURL } from 'node:url';
import { PCIUTILS_ROOT, PCIUTILS_SUITE, pciutilsMissing } from '../config/lspci.js';
import { fetchNodes, nodesMissing } from '../nodes.js';
import { debContents, debRoot, kernelPackage, release } from './debs.js';
import {
  busybox,
  DEBIAN_KERNEL_ROOT,
  HEADERS_ROOT,
  HEADERS_SUITE,
  headersMissing,
  kernel,
  QEMU_ROOT,
  qemu,
} from './parts.js';

const say = (text: string): boolean => process.stderr.write(`${text}\n`);

/** The newest pciutils that can be had, for the tests that compare with lspci. */
async function setupPciutils(): Promise<void> {
  if (pciutilsMissing() === undefined) return;
  say(`fetching pciutils (${PCIUTILS_SUITE}) into ${PCIUTILS_ROOT}`);
  await debRoot(PCIUTILS_ROOT, PCIUTILS_SUITE, ['pciutils', 'pci.ids']);
}

/** The newest kernel headers that can be had: a stable Debian's lack what the kernel has learnt since. */
async function setupHeaders(): Promise<void> {
  if (headersMissing() === undefined) return;
  say(`fetching linux-libc-dev (${HEADERS_SUITE}) into ${HEADERS_ROOT}`);
  await debRoot(HEADERS_ROOT, HEADERS_SUITE, ['linux-libc-dev']);
}

export async function setup(choice?: string): Promise<void> {
  if (!qemu() || !busybox()) {
    const suite = `${release()}-backports`;
    say(`fetching QEMU and busybox (${suite}) into ${QEMU_ROOT}`);
    await debRoot(QEMU_ROOT, suite, ['qemu-system-x86', 'ipxe-qemu', 'busybox-static']);
    if (!qemu()) throw new Error(`${suite} has no QEMU 10 or later`);
  }
  if (!kernel(choice)) {
    const image = await kernelPackage('linux-image-amd64');
    say(`fetching ${image} into ${DEBIAN_KERNEL_ROOT} (legacy group path only; npm run vm:kernel builds a fuller one)`);
    await debContents(DEBIAN_KERNEL_ROOT, [image]);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await setup();
  await setupPciutils();
  await setupHeaders();
  if (nodesMissing() !== undefined) say(`fetching ${nodesMissing()} from npm's registry`);
  fetchNodes();
  say(`ready: ${qemu()?.argv[0]}, kernel ${kernel()?.name}`);
}
