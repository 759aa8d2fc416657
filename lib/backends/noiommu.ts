/**
 * A device that no IOMMU has, and VFIO's mode for it. Nothing stands between the card and this machine's memory: it reaches all of it, by
 * physical address, and a wrong one overwrites whatever is there. So a buffer is one page, which alone lies in one piece, and its IOVA is
 * where the kernel has that page.
 *
 * Ref: Documentation/driver-api/vfio.rst (VFIO_NOIOMMU), Documentation/admin-guide/mm/pagemap.rst
 */
import type { IovaRange } from '../backend.js';
import { SystemError, UsageError } from '../errors.js';
import { libc, O_RDONLY, PAGE } from '../native.js';
import { FLAG } from '../uapi.js';
import { granted } from './refused.js';
import { addToContainer, checkViable, deviceFd, openContainer, openNode, setIommu } from './steps.js';
import { requireVfioDevice } from './sysfs.js';
import { type Iommu, VfioBackend } from './vfio.js';

const RISK = 'no IOMMU has it: with bus mastering on, the card can read and overwrite all of this machine’s memory';

/** What gives such a card a group of its own. */
const NO_GROUP =
  'echo 1 | sudo tee /sys/module/vfio/parameters/enable_unsafe_noiommu_mode (a kernel with VFIO_NOIOMMU has it), then bind it to vfio-pci';

/**
 * Opens `bdf`, bound to vfio-pci while enable_unsafe_noiommu_mode is on. Needs root. Says on stderr what is at risk.
 *
 * @throws UsageError without `unsafe`; SystemError with the step, the ioctl, its errno and the next command otherwise.
 * @example openNoIommu('0000:01:00.0', true)
 */
export function openNoIommu(bdf: string, unsafe: boolean): VfioBackend {
  if (unsafe !== true) {
    const hint = `if that may be: open('noiommu:${bdf}', { unsafe: true })`;
    throw new UsageError({ path: bdf, attempted: 'open', reason: RISK, hint });
  }
  const { group, driver } = requireVfioDevice(bdf, NO_GROUP);
  const fds: number[] = [];
  const opened = (fd: number): number => {
    fds.unshift(fd);
    return fd;
  };
  const close = (): void => {
    for (const fd of fds) libc().close(fd);
  };
  try {
    const container = opened(openContainer(bdf, FLAG.VFIO_NOIOMMU_IOMMU));
    const groupFd = opened(openNode(bdf, group, 'noiommu-'));
    checkViable(bdf, group, groupFd);
    addToContainer(bdf, group, groupFd, container);
    setIommu(bdf, container, FLAG.VFIO_NOIOMMU_IOMMU);
    const device = deviceFd(bdf, groupFd, undefined);
    try {
      const identity = { spec: `noiommu:${bdf}`, path: bdf, driver: `${driver}, no IOMMU` };
      const reach = { way: 'group', iommu: container, group: groupFd, ioas: 0 } as const;
      const backend = new VfioBackend(identity, device, new NoIommu(bdf, reach, new Map([[group, groupFd]]), close));
      process.stderr.write(`vfiolab: ${bdf}: ${RISK}\n`);
      return backend;
    } catch (error) {
      libc().close(device);
      throw error;
    }
  } catch (error) {
    close();
    throw error;
  }
}

/** No translation: the device sees physical addresses. */
class NoIommu implements Iommu {
  readonly iovaRanges: readonly IovaRange[] = [{ first: 0n, last: 0xffff_ffff_ffff_ffffn }];
  readonly pageSizes: readonly number[] = [PAGE, 2 ** 21, 2 ** 30];
  readonly reach: Iommu['reach'];
  readonly groups: ReadonlyMap<number, number>;
  readonly close: () => void;
  readonly #path: string;

  constructor(path: string, reach: Iommu['reach'], groups: ReadonlyMap<number, number>, close: () => void) {
    this.#path = path;
    this.reach = reach;
    this.groups = groups;
    this.close = close;
  }

  /** Where the page is. It is locked, so that it is not swapped out, and stays so until it is released. */
  place(pointer: bigint, size: number, pageSize: number): bigint {
    const path = `${this.#path}/dma`;
    if (size !== pageSize) {
      const reason = `${size} bytes are ${size / pageSize} pages of ${pageSize}, and without an IOMMU only one page lies in one piece`;
      throw new UsageError({
        path,
        attempted: 'dma',
        reason,
        hint: "ask for one larger page: { pageSize: '2M' } or '1G'",
      });
    }
    granted(libc().mlock(Number(pointer), size), path, 'mlock', {
      ENOMEM: ['no more memory may be locked', 'raise it: ulimit -l unlimited'],
    });
    return physical(pointer, path);
  }

  map(): void {
    // VFIO_IOMMU_MAP_DMA is ENOTTY here: what place() told is all there is.
  }

  unmap(): void {
    // Nothing was mapped: the card reaches the page, and whatever comes to be there, until bus mastering is off.
  }
}

/** The physical address of a page of this process. */
function physical(pointer: bigint, path: string): bigint {
  const attempted = '/proc/self/pagemap';
  const fd = granted(libc().open(attempted, O_RDONLY), path, attempted);
  const entry = new BigUint64Array(new ArrayBuffer(8));
  const size = libc().pread(fd, new Uint8Array(entry.buffer), 8, Number(pointer / BigInt(PAGE)) * 8);
  libc().close(fd);
  granted(size, path, attempted);
  const [bits = 0n] = entry;
  const frame = bits & ((1n << 55n) - 1n);
  // Bit 63: present. The frame is hidden from who is not privileged.
  if (size === 8 && bits >> 63n === 1n && frame !== 0n) return frame * BigInt(PAGE) + (pointer % BigInt(PAGE));
  const reason = 'the kernel does not tell where the page is';
  throw new SystemError({ path, attempted, reason, hint: 'run it as root (CAP_SYS_ADMIN)' });
}
