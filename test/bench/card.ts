/**
 * A card of ordinary memory behind the vfio backend as it is: its fd is a memfd, which can be mapped and pread as a device's can, and
 * only the ioctls, which a memfd does not have, are answered here. So what is measured is the library's own path, and nothing of a bus.
 */
import assert from 'node:assert/strict';
import { REGION, type RegionInfo } from '../../lib/backend.js';
import { REGION_SHIFT } from '../../lib/backends/regions.js';
import { VfioBackend } from '../../lib/backends/vfio.js';
import { libc } from '../../lib/native.js';
import { Region } from '../../lib/region.js';
import { DEVICE_INFO, FLAG, IOCTL, IRQ_INFO, IRQ_SET, REGION_INFO } from '../../lib/uapi.js';

const MiB = 2 ** 20;
const MSI = FLAG.VFIO_PCI_MSI_IRQ_INDEX;
/** Of the regions that exist, by index. */
const SIZES: Readonly<Record<number, number>> = { [REGION.BAR0]: MiB, [REGION.CONFIG]: 256 };
const REGION_FLAGS: Readonly<Record<number, number>> = {
  [REGION.BAR0]: FLAG.VFIO_REGION_INFO_FLAG_READ | FLAG.VFIO_REGION_INFO_FLAG_WRITE | FLAG.VFIO_REGION_INFO_FLAG_MMAP,
  [REGION.CONFIG]: FLAG.VFIO_REGION_INFO_FLAG_READ | FLAG.VFIO_REGION_INFO_FLAG_WRITE,
};

export interface MemoryCard {
  readonly backend: VfioBackend;
  /** 1 MiB, mapped. */
  readonly bar: Region;
  /** The eventfd that was enabled for MSI vector 0, as the kernel would hold it. */
  readonly msi: () => number;
  close(): void;
}

export function memoryCard(): MemoryCard {
  const real = libc();
  const { ioctl } = real;
  const fd = real.memfd('vfiolab-bench', 0);
  assert.ok(fd >= 0, 'memfd_create');
  assert.equal(real.fallocate(fd, MiB), 0);
  assert.equal(real.pwrite(fd, new Uint8Array(256), 256, REGION.CONFIG * REGION_SHIFT), 256);
  let msi = -1;

  const answer = (request: number, bytes: Uint8Array): number => {
    switch (request) {
      case IOCTL.VFIO_DEVICE_GET_INFO:
        bytes.set(DEVICE_INFO.pack({ num_regions: 9, num_irqs: 5 }));
        return 0;
      case IOCTL.VFIO_DEVICE_GET_REGION_INFO: {
        const { index } = REGION_INFO.unpack(bytes);
        const size = BigInt(SIZES[index] ?? 0);
        bytes.set(REGION_INFO.pack({ index, size, flags: REGION_FLAGS[index] ?? 0 }));
        return 0;
      }
      case IOCTL.VFIO_DEVICE_GET_IRQ_INFO: {
        const { index } = IRQ_INFO.unpack(bytes);
        bytes.set(IRQ_INFO.pack({ index, count: index === MSI ? 1 : 0, flags: FLAG.VFIO_IRQ_INFO_EVENTFD }));
        return 0;
      }
      case IOCTL.VFIO_DEVICE_SET_IRQS: {
        const { flags, count } = IRQ_SET.unpack(bytes);
        const armed = (flags & FLAG.VFIO_IRQ_SET_DATA_EVENTFD) !== 0 && count === 1;
        if (msi >= 0) real.close(msi);
        msi = armed ? real.dup(new DataView(bytes.buffer).getInt32(IRQ_SET.size, true)) : -1;
        return 0;
      }
    }
    throw new Error(`ioctl 0x${request.toString(16)} on the card of memory`);
  };
  real.ioctl = (to, request, argument) =>
    to === fd ? answer(request, argument as Uint8Array) : ioctl(to, request, argument);

  const reach = { way: 'group', iommu: -1, ioas: 0 } as const;
  const iommu = {
    ...{ reach, iovaRanges: [], pageSizes: [], groups: new Map<number, number>() },
    ...{ map: () => {}, unmap: () => {}, close: () => {} },
  };
  const backend = new VfioBackend({ spec: 'memory', path: 'memory', driver: 'memory' }, fd, iommu);
  const info = backend.regions.find(({ index }) => index === REGION.BAR0);
  assert.ok(info, 'bar0');
  assert.deepEqual(info.mapped, [{ offset: 0, size: MiB }] satisfies RegionInfo['mapped'], 'bar0 is mapped');
  return {
    backend,
    bar: new Region(backend, info),
    msi: () => msi,
    close() {
      backend.close();
      if (msi >= 0) real.close(msi);
      real.ioctl = ioctl;
    },
  };
}
