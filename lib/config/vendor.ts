/** Vendor-specific capabilities, and virtio's layouts in them. Ref: PCI Express Base 6.0, 7.9.4; Virtio 1.2, 4.1.4 */
import { r8, r32 } from '../registers.js';
import { type Capability, standard } from './capability.js';
import { type Space, wordAt } from './space.js';
import { hex, named } from './words.js';

/** A structure of virtio's is no shorter. */
const VIRTIO_LENGTH = 16;
const VIRTIO_LONG = 24;
const NOTIFY_LENGTH = 20;

/** What the registers from TYPE on mean is virtio's, and holds on a virtio device only. */
const REGISTERS = {
  LENGTH: r8(0x02, {}, 'ro'),
  TYPE: r8(
    0x03,
    { TYPE: [7, 0, { CommonCfg: 1, Notify: 2, ISR: 3, DeviceCfg: 4, PciCfg: 5, SharedMemory: 8, Vendor: 9 }] },
    'ro',
  ),
  /** Of Intel's host bridges, whose layout is not in the tables yet. */
  INTEL: r8(0x03, { VERSION: [3, 0] }, 'ro'),
  BAR: r8(0x04, {}, 'ro'),
  ID: r8(0x05, {}, 'ro'),
  OFFSET: r32(0x08, {}, 'ro'),
  SIZE: r32(0x0c, {}, 'ro'),
  NOTIFY_MULTIPLIER: r32(0x10, {}, 'ro'),
  OFFSET_HIGH: r32(0x10, {}, 'ro'),
  SIZE_HIGH: r32(0x14, {}, 'ro'),
};

/** Devices that virtio has numbers for. Ref: Virtio 1.2, 4.1.2 */
const isVirtio = (space: Space): boolean =>
  wordAt(space, 0, 16) === 0x1af4 && wordAt(space, 2, 16) >= 0x1000 && wordAt(space, 2, 16) <= 0x107f;

const isIntel = (space: Space): boolean => wordAt(space, 0, 16) === 0x8086;

const SHOWN = ['CommonCfg', 'Notify', 'ISR', 'DeviceCfg', 'SharedMemory'];

export const VNDR = standard({
  name: 'VNDR',
  id: 0x09,
  title: 'Vendor Specific',
  ref: 'PCI Express Base 6.0, 7.9.4',
  registers: REGISTERS,
  shape({ LENGTH, TYPE }, space) {
    const none = {
      ...(isIntel(space) ? {} : ({ INTEL: false } as const)),
      BAR: false,
      ID: false,
      OFFSET: false,
      SIZE: false,
    } as const;
    const long =
      TYPE.TYPE === 'SharedMemory' && LENGTH >= VIRTIO_LONG ? {} : ({ OFFSET_HIGH: false, SIZE_HIGH: false } as const);
    const notify = TYPE.TYPE === 'Notify' && LENGTH >= NOTIFY_LENGTH ? {} : ({ NOTIFY_MULTIPLIER: false } as const);
    if (!isVirtio(space) || LENGTH < VIRTIO_LENGTH)
      return { TYPE: false, ...none, OFFSET_HIGH: false, SIZE_HIGH: false, NOTIFY_MULTIPLIER: false };
    return { INTEL: false, ...long, ...notify };
  },
  *text(vendor, space) {
    const { LENGTH } = vendor;
    if (isVirtio(space) && LENGTH >= VIRTIO_LENGTH) yield* virtio(vendor);
    else if (isIntel(space)) yield `Vendor Specific Information: Intel Capabilities v${vendor.INTEL.VERSION}`;
    else yield `Vendor Specific Information: Len=${hex(LENGTH, 2)} <?>`;
  },
});

function* virtio(vendor: Capability<typeof REGISTERS>): Generator<string> {
  const type = named(vendor.TYPE.TYPE, '');
  yield `Vendor Specific Information: VirtIO: ${SHOWN.includes(type) ? type : '<unknown>'}`;
  const shared = type === 'SharedMemory';
  const offset = `${shared ? hex(vendor.OFFSET_HIGH, 8) : ''}${hex(vendor.OFFSET, 8)}`;
  const size = `${shared ? hex(vendor.SIZE_HIGH, 8) : ''}${hex(vendor.SIZE, 8)}`;
  const notify =
    type === 'Notify' && vendor.LENGTH >= NOTIFY_LENGTH ? ` multiplier=${hex(vendor.NOTIFY_MULTIPLIER, 8)}` : '';
  yield `\tBAR=${vendor.BAR} offset=${offset} size=${size}${notify}${shared ? ` id=${vendor.ID}` : ''}`;
}
