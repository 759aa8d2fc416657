/** Vendor-specific capabilities: virtio's layouts, Intel's, any other with its bytes. Ref: PCI Express Base 6.0, 7.9.4; Virtio 1.2, 4.1.4 */
import { r8, r32 } from '../map.js';
import { type Capability, holds, type Shape, standard } from './capability.js';
import { INTEL_REGISTERS, intelLines } from './intel.js';
import { type Space, wordAt } from './space.js';
import { hex, named } from './words.js';

/** A structure of virtio's is no shorter. */
const VIRTIO_LENGTH = 16;
const VIRTIO_LONG = 24;
const NOTIFY_LENGTH = 20;
const TYPES = { CommonCfg: 1, Notify: 2, ISR: 3, DeviceCfg: 4, PciCfg: 5, SharedMemory: 8, Vendor: 9 };

const VIRTIO = {
  TYPE: r8(0x03, { TYPE: [7, 0, TYPES] }, 'ro'),
  BAR: r8(0x04, {}, 'ro'),
  ID: r8(0x05, {}, 'ro'),
  OFFSET: r32(0x08, {}, 'ro'),
  SIZE: r32(0x0c, {}, 'ro'),
  NOTIFY_MULTIPLIER: r32(0x10, {}, 'ro'),
  OFFSET_HIGH: r32(0x10, {}, 'ro'),
  SIZE_HIGH: r32(0x14, {}, 'ro'),
  /** A window into the BARs. */
  WINDOW: r8(0x10, {}, { count: 4 }),
};
const DATA = 0x03;
const REGISTERS = {
  LENGTH: r8(0x02, {}, 'ro'),
  ...VIRTIO,
  ...INTEL_REGISTERS,
  /** Of other vendors: the bytes behind the length. */
  DATA: r8(DATA, {}, { access: 'ro', count: 252 }),
};
type Vendor = Capability<typeof REGISTERS>;
type Name = keyof typeof REGISTERS;

/** Devices that virtio has numbers for. Ref: Virtio 1.2, 4.1.2 */
const isVirtio = (space: Space): boolean =>
  wordAt(space, 0, 16) === 0x1af4 && wordAt(space, 2, 16) >= 0x1000 && wordAt(space, 2, 16) <= 0x107f;

const isIntel = (space: Space): boolean => wordAt(space, 0, 16) === 0x8086;

function shape(vendor: Vendor, space: Space): Shape<typeof REGISTERS> {
  const has: readonly Name[] = [
    'LENGTH',
    ...(isVirtio(space) && vendor.LENGTH >= VIRTIO_LENGTH
      ? virtioNames(vendor)
      : isIntel(space)
        ? intelNames(vendor)
        : (['DATA'] as const)),
  ];
  const missing = (Object.keys(REGISTERS) as Name[]).filter((name) => !has.includes(name));
  return {
    DATA: { count: Math.max(0, vendor.LENGTH - DATA) },
    ...Object.fromEntries(missing.map((name) => [name, false])),
  };
}

function virtioNames({ LENGTH, TYPE: { TYPE } }: Vendor): readonly Name[] {
  const long = TYPE === 'SharedMemory' && LENGTH >= VIRTIO_LONG;
  return [
    ...(['TYPE', 'BAR', 'ID', 'OFFSET', 'SIZE'] as const),
    ...(long ? (['OFFSET_HIGH', 'SIZE_HIGH'] as const) : []),
    ...(TYPE === 'Notify' && LENGTH >= NOTIFY_LENGTH ? (['NOTIFY_MULTIPLIER'] as const) : []),
    ...(TYPE === 'PciCfg' && LENGTH >= NOTIFY_LENGTH ? (['WINDOW'] as const) : []),
  ];
}

function intelNames({ LENGTH, INTEL }: Vendor): readonly Name[] {
  if (INTEL.TYPE !== 'Capabilities' || INTEL.VERSION !== 1) return ['INTEL', 'DATA'];
  return ['INTEL', ...(['INTEL_A', 'INTEL_B', 'INTEL_C'] as const).filter((_, index) => LENGTH >= 8 + index * 4)];
}

const SHOWN = ['CommonCfg', 'Notify', 'ISR', 'DeviceCfg', 'SharedMemory'];

export const VNDR = standard({
  name: 'VNDR',
  id: 0x09,
  title: 'Vendor Specific',
  ref: 'PCI Express Base 6.0, 7.9.4',
  registers: REGISTERS,
  shape,
  *text(vendor, space) {
    const { LENGTH } = vendor;
    const virtio = isVirtio(space) && LENGTH >= VIRTIO_LENGTH && holds(space, vendor, 0, LENGTH);
    if (virtio) yield* virtioLines(vendor);
    else if (isIntel(space)) yield* intelLines(vendor, space);
    else yield `Vendor Specific Information: Len=${hex(LENGTH, 2)} <?>`;
  },
});

function* virtioLines(vendor: Vendor): Generator<string> {
  const type = named(vendor.TYPE.TYPE, '');
  yield `Vendor Specific Information: VirtIO: ${SHOWN.includes(type) ? type : '<unknown>'}`;
  const shared = type === 'SharedMemory';
  const offset = `${shared ? hex(vendor.OFFSET_HIGH, 8) : ''}${hex(vendor.OFFSET, 8)}`;
  const size = `${shared ? hex(vendor.SIZE_HIGH, 8) : ''}${hex(vendor.SIZE, 8)}`;
  const notify =
    type === 'Notify' && vendor.LENGTH >= NOTIFY_LENGTH ? ` multiplier=${hex(vendor.NOTIFY_MULTIPLIER, 8)}` : '';
  yield `\tBAR=${vendor.BAR} offset=${offset} size=${size}${notify}${shared ? ` id=${vendor.ID}` : ''}`;
}
