/**
 * The kernel's VFIO and iommufd interfaces: numbers and struct layouts, by hand, under the kernel's own names.
 * test/uapi.test.ts compares every one of them with the system's headers.
 *
 * Ref: include/uapi/linux/vfio.h, include/uapi/linux/iommufd.h. The same number means different things on different fds: 112 asks a container for its
 * IOMMU, and a device for its hot reset.
 */

/** _IO(';', 100 + n): no direction, no size. */
const io = (n: number): number => 0x3b00 + 100 + n;

export const IOCTL = {
  // A container: /dev/vfio/vfio.
  VFIO_GET_API_VERSION: io(0),
  VFIO_CHECK_EXTENSION: io(1),
  VFIO_SET_IOMMU: io(2),
  VFIO_IOMMU_GET_INFO: io(12),
  VFIO_IOMMU_MAP_DMA: io(13),
  VFIO_IOMMU_UNMAP_DMA: io(14),
  // A group: /dev/vfio/N.
  VFIO_GROUP_GET_STATUS: io(3),
  VFIO_GROUP_SET_CONTAINER: io(4),
  VFIO_GROUP_GET_DEVICE_FD: io(6),
  // A device.
  VFIO_DEVICE_GET_INFO: io(7),
  VFIO_DEVICE_GET_REGION_INFO: io(8),
  VFIO_DEVICE_GET_IRQ_INFO: io(9),
  VFIO_DEVICE_SET_IRQS: io(10),
  VFIO_DEVICE_RESET: io(11),
  VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: io(12),
  VFIO_DEVICE_PCI_HOT_RESET: io(13),
  VFIO_DEVICE_FEATURE: io(17),
  // A device's own node: /dev/vfio/devices/vfioN.
  VFIO_DEVICE_BIND_IOMMUFD: io(18),
  VFIO_DEVICE_ATTACH_IOMMUFD_PT: io(19),
  // An iommufd: /dev/iommu. Here they begin at 0x80.
  IOMMU_IOAS_ALLOC: 0x3b81,
  IOMMU_IOAS_IOVA_RANGES: 0x3b84,
  IOMMU_IOAS_MAP: 0x3b85,
  IOMMU_IOAS_UNMAP: 0x3b86,
  IOMMU_GET_HW_INFO: 0x3b8a,
} as const;

export type IoctlName = keyof typeof IOCTL;

export const FLAG = {
  VFIO_API_VERSION: 0,
  VFIO_TYPE1v2_IOMMU: 3,
  VFIO_NOIOMMU_IOMMU: 8,
  VFIO_GROUP_FLAGS_VIABLE: 1 << 0,
  VFIO_GROUP_FLAGS_CONTAINER_SET: 1 << 1,
  VFIO_DEVICE_FLAGS_RESET: 1 << 0,
  VFIO_DEVICE_FLAGS_PCI: 1 << 1,
  VFIO_REGION_INFO_FLAG_READ: 1 << 0,
  VFIO_REGION_INFO_FLAG_WRITE: 1 << 1,
  VFIO_REGION_INFO_FLAG_MMAP: 1 << 2,
  VFIO_REGION_INFO_FLAG_CAPS: 1 << 3,
  VFIO_REGION_INFO_CAP_SPARSE_MMAP: 1,
  VFIO_REGION_INFO_CAP_MSIX_MAPPABLE: 3,
  VFIO_PCI_BAR0_REGION_INDEX: 0,
  VFIO_PCI_BAR5_REGION_INDEX: 5,
  VFIO_PCI_ROM_REGION_INDEX: 6,
  VFIO_PCI_CONFIG_REGION_INDEX: 7,
  VFIO_PCI_VGA_REGION_INDEX: 8,
  VFIO_PCI_INTX_IRQ_INDEX: 0,
  VFIO_PCI_MSI_IRQ_INDEX: 1,
  VFIO_PCI_MSIX_IRQ_INDEX: 2,
  VFIO_PCI_ERR_IRQ_INDEX: 3,
  VFIO_PCI_REQ_IRQ_INDEX: 4,
  VFIO_IRQ_INFO_EVENTFD: 1 << 0,
  VFIO_IRQ_INFO_MASKABLE: 1 << 1,
  VFIO_IRQ_INFO_AUTOMASKED: 1 << 2,
  VFIO_IRQ_INFO_NORESIZE: 1 << 3,
  VFIO_IRQ_SET_DATA_NONE: 1 << 0,
  VFIO_IRQ_SET_DATA_BOOL: 1 << 1,
  VFIO_IRQ_SET_DATA_EVENTFD: 1 << 2,
  VFIO_IRQ_SET_ACTION_MASK: 1 << 3,
  VFIO_IRQ_SET_ACTION_UNMASK: 1 << 4,
  VFIO_IRQ_SET_ACTION_TRIGGER: 1 << 5,
  VFIO_IOMMU_INFO_PGSIZES: 1 << 0,
  VFIO_IOMMU_INFO_CAPS: 1 << 1,
  VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE: 1,
  VFIO_DMA_MAP_FLAG_READ: 1 << 0,
  VFIO_DMA_MAP_FLAG_WRITE: 1 << 1,
  VFIO_PCI_HOT_RESET_FLAG_DEV_ID: 1 << 0,
  VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED: 1 << 1,
  VFIO_PCI_DEVID_OWNED: 0,
  VFIO_DEVICE_FEATURE_MASK: 0xffff,
  VFIO_DEVICE_FEATURE_GET: 1 << 16,
  VFIO_DEVICE_FEATURE_SET: 1 << 17,
  VFIO_DEVICE_FEATURE_PROBE: 1 << 18,
  VFIO_DEVICE_BIND_FLAG_TOKEN: 1 << 0,
  IOMMU_IOAS_MAP_FIXED_IOVA: 1 << 0,
  IOMMU_IOAS_MAP_WRITEABLE: 1 << 1,
  IOMMU_IOAS_MAP_READABLE: 1 << 2,
  IOMMU_HW_INFO_TYPE_NONE: 0,
  IOMMU_HW_INFO_TYPE_INTEL_VTD: 1,
  IOMMU_HW_INFO_TYPE_ARM_SMMUV3: 2,
  IOMMU_HW_INFO_TYPE_AMD: 4,
} as const;

/** VFIO_DEVICE_FEATURE_*, with VFIO's numbers. */
export const FEATURE = {
  VFIO_DEVICE_FEATURE_PCI_VF_TOKEN: 0,
  VFIO_DEVICE_FEATURE_MIGRATION: 1,
  VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE: 2,
  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY: 3,
  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP: 4,
  VFIO_DEVICE_FEATURE_LOW_POWER_EXIT: 5,
  VFIO_DEVICE_FEATURE_DMA_LOGGING_START: 6,
  VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP: 7,
  VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT: 8,
  VFIO_DEVICE_FEATURE_MIG_DATA_SIZE: 9,
  VFIO_DEVICE_FEATURE_BUS_MASTER: 10,
  VFIO_DEVICE_FEATURE_DMA_BUF: 11,
  VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2: 12,
} as const;

/** Where a field is, and how many bytes it has. */
type Field = readonly [offset: number, bytes: 1 | 2 | 4 | 8];
type Fields = Readonly<Record<string, Field>>;
/** What fields hold: numbers, and bigints where they have 8 bytes. */
type Values<F extends Fields> = { -readonly [K in keyof F]: F[K][1] extends 8 ? bigint : number };

/** A struct of the kernel's: `pack` makes its bytes, `unpack` reads them. Both ends are little-endian. */
export class Struct<F extends Fields> {
  readonly name: string;
  readonly fields: F;
  /** Bytes up to the end of the last field named here. The kernel's struct may have grown since; argsz tells it. */
  readonly size: number;
  /** The field that tells the kernel how long the struct is. */
  readonly #length: string;

  constructor(name: string, fields: F, length = 'argsz') {
    this.name = name;
    this.fields = fields;
    this.#length = length;
    this.size = Math.max(...Object.values(fields).map(([offset, bytes]) => offset + bytes));
  }

  /** The struct with these values, zero elsewhere, and its own length where it has a field for it; `tail` follows it. */
  pack(values: Partial<Values<F>>, tail: Uint8Array = new Uint8Array(0)): Uint8Array {
    const bytes = new Uint8Array(this.size + tail.length);
    bytes.set(tail, this.size);
    const view = new DataView(bytes.buffer);
    const all: Partial<Record<string, number | bigint>> = { [this.#length]: bytes.length, ...values };
    for (const [name, [offset, width]] of Object.entries(this.fields)) {
      const value = all[name] ?? 0;
      if (width === 8) view.setBigUint64(offset, BigInt(value), true);
      else if (width === 4) view.setUint32(offset, Number(value), true);
      else if (width === 2) view.setUint16(offset, Number(value), true);
      else view.setUint8(offset, Number(value));
    }
    return bytes;
  }

  unpack(bytes: Uint8Array, at = 0): Values<F> {
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    const values = Object.entries(this.fields).map(([name, [offset, width]]) => [
      name,
      width === 8
        ? view.getBigUint64(offset, true)
        : width === 4
          ? view.getUint32(offset, true)
          : width === 2
            ? view.getUint16(offset, true)
            : view.getUint8(offset),
    ]);
    return Object.fromEntries(values) as Values<F>;
  }
}

export const GROUP_STATUS = new Struct('vfio_group_status', { argsz: [0, 4], flags: [4, 4] });

export const DEVICE_INFO = new Struct('vfio_device_info', {
  argsz: [0, 4],
  flags: [4, 4],
  num_regions: [8, 4],
  num_irqs: [12, 4],
});

export const REGION_INFO = new Struct('vfio_region_info', {
  argsz: [0, 4],
  flags: [4, 4],
  index: [8, 4],
  cap_offset: [12, 4],
  size: [16, 8],
  offset: [24, 8],
});

/** What each entry of a capability chain begins with. `next` counts from the start of the info struct; 0 ends the chain. */
export const CAP_HEADER = new Struct('vfio_info_cap_header', { id: [0, 2], version: [2, 2], next: [4, 4] });

/** Followed by `nr_areas` of SPARSE_AREA. */
export const CAP_SPARSE_MMAP = new Struct('vfio_region_info_cap_sparse_mmap', { nr_areas: [8, 4], reserved: [12, 4] });
export const SPARSE_AREA = new Struct('vfio_region_sparse_mmap_area', { offset: [0, 8], size: [8, 8] });

export const IRQ_INFO = new Struct('vfio_irq_info', { argsz: [0, 4], flags: [4, 4], index: [8, 4], count: [12, 4] });

/** Followed by the data: nothing, a byte a vector, or an fd (4 bytes) a vector. */
export const IRQ_SET = new Struct('vfio_irq_set', {
  argsz: [0, 4],
  flags: [4, 4],
  index: [8, 4],
  start: [12, 4],
  count: [16, 4],
});

export const IOMMU_INFO = new Struct('vfio_iommu_type1_info', {
  argsz: [0, 4],
  flags: [4, 4],
  iova_pgsizes: [8, 8],
  cap_offset: [16, 4],
});

/** Followed by `nr_iovas` of IOVA_RANGE. */
export const CAP_IOVA_RANGE = new Struct('vfio_iommu_type1_info_cap_iova_range', {
  nr_iovas: [8, 4],
  reserved: [12, 4],
});
export const IOVA_RANGE = new Struct('vfio_iova_range', { start: [0, 8], end: [8, 8] });

export const DMA_MAP = new Struct('vfio_iommu_type1_dma_map', {
  argsz: [0, 4],
  flags: [4, 4],
  vaddr: [8, 8],
  iova: [16, 8],
  size: [24, 8],
});

export const DMA_UNMAP = new Struct('vfio_iommu_type1_dma_unmap', {
  argsz: [0, 4],
  flags: [4, 4],
  iova: [8, 8],
  size: [16, 8],
});

/** Followed by `count` of HOT_RESET_DEVICE. */
export const HOT_RESET_INFO = new Struct('vfio_pci_hot_reset_info', { argsz: [0, 4], flags: [4, 4], count: [8, 4] });
/** `group_id` is a devid where the flags say so. */
export const HOT_RESET_DEVICE = new Struct('vfio_pci_dependent_device', {
  group_id: [0, 4],
  segment: [4, 2],
  bus: [6, 1],
  devfn: [7, 1],
});
/** Followed by `count` fds of groups, 4 bytes each; none where the device is reached through its own node. */
export const HOT_RESET = new Struct('vfio_pci_hot_reset', { argsz: [0, 4], flags: [4, 4], count: [8, 4] });

/** Followed by the feature's own data. */
export const DEVICE_FEATURE = new Struct('vfio_device_feature', { argsz: [0, 4], flags: [4, 4] });

/** `token_uuid_ptr` counts with VFIO_DEVICE_BIND_FLAG_TOKEN alone, which kernels before 6.18 do not know. */
export const BIND_IOMMUFD = new Struct('vfio_device_bind_iommufd', {
  argsz: [0, 4],
  flags: [4, 4],
  iommufd: [8, 4],
  out_devid: [12, 4],
  token_uuid_ptr: [16, 8],
});
export const ATTACH_IOMMUFD_PT = new Struct('vfio_device_attach_iommufd_pt', {
  argsz: [0, 4],
  flags: [4, 4],
  pt_id: [8, 4],
});

export const IOAS_ALLOC = new Struct('iommu_ioas_alloc', { size: [0, 4], flags: [4, 4], out_ioas_id: [8, 4] }, 'size');

/** `allowed_iovas` points at `num_iovas` of IOAS_RANGE. */
export const IOAS_IOVA_RANGES = new Struct(
  'iommu_ioas_iova_ranges',
  { size: [0, 4], ioas_id: [4, 4], num_iovas: [8, 4], allowed_iovas: [16, 8], out_iova_alignment: [24, 8] },
  'size',
);
export const IOAS_RANGE = new Struct('iommu_iova_range', { start: [0, 8], last: [8, 8] });

export const IOAS_MAP = new Struct(
  'iommu_ioas_map',
  { size: [0, 4], flags: [4, 4], ioas_id: [8, 4], user_va: [16, 8], length: [24, 8], iova: [32, 8] },
  'size',
);

export const IOAS_UNMAP = new Struct(
  'iommu_ioas_unmap',
  { size: [0, 4], ioas_id: [4, 4], iova: [8, 8], length: [16, 8] },
  'size',
);

export const HW_INFO = new Struct(
  'iommu_hw_info',
  {
    ...{ size: [0, 4], flags: [4, 4], dev_id: [8, 4], data_len: [12, 4] },
    ...{ data_uptr: [16, 8], out_data_type: [24, 4], out_capabilities: [32, 8] },
  },
  'size',
);

/** The entries of a capability chain: every one of them, and no more than the bytes hold. */
export function* capabilities(info: Uint8Array, first: number): Generator<{ id: number; at: number }> {
  let at = first;
  // A chain that goes backwards would loop; the kernel's never does.
  for (let last = 0; at > last && at + CAP_HEADER.size <= info.length; ) {
    const { id, next } = CAP_HEADER.unpack(info, at);
    yield { id, at };
    last = at;
    at = next;
  }
}

/** The array of `count` structs that follows a capability's own fields. */
export function entries<F extends Fields>(
  info: Uint8Array,
  at: number,
  header: Struct<Fields>,
  entry: Struct<F>,
  count: number,
): Values<F>[] {
  return Array.from({ length: count }, (_, i) => entry.unpack(info, at + header.size + i * entry.size));
}
