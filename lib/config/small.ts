/** Capabilities of a few words each. */
import { r8, r16, r32 } from '../map.js';
import { holds, standard } from './capability.js';
import { flags, hex, named, sign } from './words.js';

export const SSVID = standard({
  name: 'SSVID',
  id: 0x0d,
  title: 'Subsystem',
  ref: 'PCI-to-PCI Bridge 1.2, 3.2.5.13',
  registers: { VENDOR_ID: r16(0x04, {}, 'ro'), DEVICE_ID: r16(0x06, {}, 'ro') },
  *text(capability, space, { subsystem }) {
    if (!holds(space, capability, 0, 8)) return;
    yield `Subsystem: ${subsystem(capability.VENDOR_ID, capability.DEVICE_ID)}`;
  },
});

export const AF = standard({
  name: 'AF',
  id: 0x13,
  title: 'Advanced Features',
  ref: 'Advanced Capabilities for Conventional PCI ECN, 2006',
  registers: {
    CAP: r8(0x03, { FLR: 1, TRANSACTIONS_PENDING: 0 }, 'ro'),
    CTRL: r8(0x04, { FLR: 0 }),
    STATUS: r8(0x05, { TRANSACTIONS_PENDING: 0 }, 'ro'),
  },
  block: [0x03, 3],
  *text(af) {
    yield 'PCI Advanced Features';
    const { CAP, CTRL, STATUS } = af;
    yield `\tAFCap: ${flags(CAP, { TP: 'TRANSACTIONS_PENDING', FLR: 'FLR' })}`;
    yield `\tAFCtrl: FLR${sign(CTRL.FLR)}`;
    yield `\tAFStatus: TP${sign(STATUS.TRANSACTIONS_PENDING)}`;
  },
});

export const SATA = standard({
  name: 'SATA',
  id: 0x12,
  title: 'SATA HBA',
  ref: 'Serial ATA AHCI 1.3.1, 2.4',
  registers: {
    REVISION: r8(0x02, { MAJOR: [7, 4], MINOR: [3, 0] }, 'ro'),
    /** Of the index-data pair; OFFSET is in units of 4 bytes, and shown so. */
    LOCATION: r32(
      0x04,
      {
        OFFSET: [23, 4, { unit: '4 bytes' }],
        BAR: [3, 0, { BAR0: 4, BAR1: 5, BAR2: 6, BAR3: 7, BAR4: 8, BAR5: 9, InCfgSpace: 15 }],
      },
      'ro',
    ),
  },
  *text(sata, space) {
    const { REVISION } = sata;
    const version = `SATA HBA v${REVISION.MAJOR}.${REVISION.MINOR}`;
    if (!holds(space, sata, 0x04, 4)) {
      yield version;
      return;
    }
    const { LOCATION } = sata;
    const bar = LOCATION.BAR;
    const place =
      bar === 'InCfgSpace'
        ? bar
        : `${named(bar, `BAR??${LOCATION.raw & 0xf}`)}${typeof bar === 'string' ? ` Offset=${hex(LOCATION.OFFSET, 8)}` : ''}`;
    yield `${version} ${place}`;
  },
});

export const SLOTID = standard({
  name: 'SLOTID',
  id: 0x04,
  title: 'Slot identification',
  ref: 'PCI-to-PCI Bridge 1.2, 3.2.6',
  registers: { SLOT: r8(0x02, { FIRST: 5, SLOTS: [4, 0] }, 'ro'), CHASSIS: r8(0x03, {}) },
  *text({ SLOT, CHASSIS }) {
    yield `Slot ID: ${SLOT.SLOTS} slots, First${sign(SLOT.FIRST)}, chassis ${hex(CHASSIS, 2)}`;
  },
});

export const DBG = standard({
  name: 'DBG',
  id: 0x0a,
  title: 'Debug port',
  ref: 'EHCI 1.0, C.2',
  registers: { PORT: r16(0x02, { BAR: [15, 13], OFFSET: [12, 0] }, 'ro') },
  *text({ PORT }) {
    yield `Debug port: BAR=${PORT.BAR} offset=${hex(PORT.OFFSET, 4)}`;
  },
});

export const HOTPLUG = standard({
  name: 'HOTPLUG',
  id: 0x0c,
  title: 'Hot-plug',
  ref: 'PCI Standard Hot-Plug Controller 1.0, 4.1',
  registers: { SELECT: r8(0x02, {}), PENDING: r8(0x03, {}, 'ro'), DATA: r32(0x04, {}) },
  *text() {
    yield 'Hot-plug capable';
  },
});

export const CHSWP = standard({
  name: 'CHSWP',
  id: 0x06,
  title: 'CompactPCI hot-swap',
  ref: 'PICMG 2.1 R2.0, 3.1.8',
  registers: {
    CONTROL: r8(0x02, {
      INSERTED: [7, 7, 'w1c'],
      EXTRACTED: [6, 6, 'w1c'],
      PROGRAMMING: [5, 4, 'ro'],
      LED: 3,
      PENDING: [2, 2, 'ro'],
      ENUM_MASK: 1,
      ARM: 0,
    }),
  },
  *text() {
    yield 'CompactPCI hot-swap <?>';
  },
});

/** Its specification is not public: the word as it is. */
export const CCRC = standard({
  name: 'CCRC',
  id: 0x0b,
  title: 'CompactPCI resource control',
  ref: 'PICMG 2.13',
  registers: { CONTROL: r16(0x02) },
  *text() {
    yield 'CompactPCI central resource control <?>';
  },
});

/** What AMD's IOMMU has. */
export const SECURE = standard({
  name: 'SECURE',
  id: 0x0f,
  title: 'Secure device',
  ref: 'AMD I/O Virtualization Technology (IOMMU) 3.06, 3.2',
  registers: {
    CAP: r16(
      0x02,
      { EXTENSIONS: 12, FEATURES: 11, NOT_PRESENT_CACHE: 10, HT_TUNNEL: 9, IOTLB: 8, REVISION: [7, 3], TYPE: [2, 0] },
      'ro',
    ),
    BASE: r32(0x04, { ADDRESS: [31, 14], ENABLE: 0 }),
    BASE_HIGH: r32(0x08),
    RANGE: r32(0x0c, { LAST_DEVICE: [31, 24], FIRST_DEVICE: [23, 16], BUS: [15, 8], VALID: 7, UNIT: [4, 0] }, 'ro'),
    MISC0: r32(
      0x10,
      {
        PPR_MESSAGE: [31, 27],
        HT_ATS: 22,
        VIRTUAL_SIZE: [21, 15],
        PHYSICAL_SIZE: [14, 8],
        GUEST_SIZE: [7, 5],
        INTERRUPT_MESSAGE: [4, 0],
      },
      'ro',
    ),
  },
  *text() {
    yield 'Secure device <?>';
  },
});
