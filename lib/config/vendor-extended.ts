/** Vendor-specific extended capabilities, hints, and data object exchange. */
import { r8, r16, r32 } from '../map.js';
import { extended, holds } from './capability.js';
import { flags, hex, sign } from './words.js';

const VSEC_DATA = 0x08;
const MOST_DATA = 4095 - VSEC_DATA;

export const VSEC = extended({
  name: 'VSEC',
  id: 0x0b,
  title: 'Vendor Specific',
  ref: 'PCI Express Base 6.0, 7.9.5',
  registers: {
    HEADER: r32(0x04, { LENGTH: [31, 20, { unit: 'bytes' }], REVISION: [19, 16], ID: [15, 0] }, 'ro'),
    /** The vendor's own: the bytes behind the header. */
    DATA: r8(VSEC_DATA, {}, { access: 'ro', count: MOST_DATA }),
  },
  shape: ({ HEADER }) => ({ DATA: { count: Math.max(0, HEADER.LENGTH - VSEC_DATA) } }),
  *text(vendor, space) {
    if (!holds(space, vendor, 0x04, 4)) {
      yield 'Vendor Specific Information: <unreadable>';
      return;
    }
    const { HEADER } = vendor;
    yield `Vendor Specific Information: ID=${hex(HEADER.ID, 4)} Rev=${HEADER.REVISION} Len=${hex(HEADER.LENGTH, 3)} <?>`;
  },
});

const MOST_TAGS = 64;

export const TPH = extended({
  name: 'TPH',
  id: 0x17,
  title: 'Transaction Processing Hints',
  ref: 'PCI Express Base 6.0, 7.9.13',
  registers: {
    /** TABLE_SIZE is one less than the number of entries. */
    CAP: r32(
      0x04,
      {
        TABLE_SIZE: [26, 16],
        TABLE_LOCATION: [10, 9, { None: 0, Capability: 1, 'MSI-X': 2, Reserved: 3 }],
        EXTENDED: 8,
        DEVICE_SPECIFIC: 2,
        INTERRUPT_VECTOR: 1,
        NO_TABLE: 0,
      },
      'ro',
    ),
    CTRL: r32(0x08, {
      ENABLE: [9, 8, { off: 0, TPH: 1, 'TPH and extended': 3 }],
      MODE: [2, 0, { 'no table': 0, 'interrupt vector': 1, 'device specific': 2 }],
    }),
    /** Steering tags, where the table is in the capability. */
    TABLE: r16(0x0c, { UPPER: [15, 8], LOWER: [7, 0] }, { count: MOST_TAGS }),
  },
  shape: ({ CAP }) => ({ TABLE: { count: CAP.TABLE_LOCATION === 'Capability' ? CAP.TABLE_SIZE + 1 : 0 } }),
  block: [0x04, 4],
  *text(hints) {
    yield 'Transaction Processing Hints';
    const { CAP } = hints;
    if (CAP.INTERRUPT_VECTOR) yield '\tInterrupt vector mode supported';
    if (CAP.DEVICE_SPECIFIC) yield '\tDevice specific mode supported';
    if (CAP.EXTENDED) yield '\tExtended requester support';
    yield `\t${TABLES[(CAP.raw >>> 9) & 3]}`;
  },
});
const TABLES = [
  'No steering table available',
  'Steering table in TPH capability structure',
  'Steering table in MSI-X table',
  'Reserved steering table location',
];

export const DOE = extended({
  name: 'DOE',
  id: 0x2e,
  title: 'Data Object Exchange',
  ref: 'PCI Express Base 6.0, 7.9.24',
  registers: {
    CAP: r32(0x04, { INTERRUPT_MESSAGE: [11, 1], INTERRUPT: 0 }, 'ro'),
    CTRL: r32(0x08, { GO: [31, 31, 'wo'], INTERRUPT: 1, ABORT: [0, 0, 'wo'] }),
    STATUS: r32(
      0x0c,
      {
        OBJECT_READY: [31, 31, 'ro'],
        ERROR: [2, 2, 'ro'],
        INTERRUPT: [1, 1, 'w1c'],
        BUSY: [0, 0, 'ro'],
      },
      'w1c',
    ),
    /** Reading does not take an object off; writing does. */
    READ: r32(0x14, {}),
  },
  block: [0x04, 0x14],
  unreadable: true,
  *text(exchange) {
    yield 'Data Object Exchange';
    const { CAP, CTRL, STATUS } = exchange;
    yield `\tDOECap: IntSup${sign(CAP.INTERRUPT)}`;
    if (CAP.INTERRUPT) yield `\t\tIntMsgNum ${CAP.INTERRUPT_MESSAGE}`;
    yield `\tDOECtl: IntEn${sign(CTRL.INTERRUPT)}`;
    yield `\tDOESta: ${flags(STATUS, { Busy: 'BUSY', IntSta: 'INTERRUPT', Error: 'ERROR', ObjectReady: 'OBJECT_READY' })}`;
  },
});
