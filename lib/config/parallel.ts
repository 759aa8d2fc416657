/** Capabilities of the parallel buses: PCI-X and AGP. */
import { r8, r16, r32 } from '../map.js';
import { holds, standard } from './capability.js';
import { isBridge, isDevice } from './space.js';
import { codes, flags, hex, sign } from './words.js';

const OUTSTANDING = codes('1', '2', '3', '4', '8', '12', '16', '32');
const COUNTS = codes('512', '1024', '2048', '4096');
const BRIDGE_STATUS = {
  SPLIT_DELAYED: [21, 21, 'w1c'],
  OVERRUN: [20, 20, 'w1c'],
  UNEXPECTED: [19, 19, 'w1c'],
  DISCARDED: [18, 18, 'w1c'],
  MHZ133: [17, 17, 'ro'],
  BITS64: [16, 16, 'ro'],
} as const;
const BRIDGE_LINE = {
  '64bit': 'BITS64',
  '133MHz': 'MHZ133',
  SCD: 'DISCARDED',
  USC: 'UNEXPECTED',
  SCO: 'OVERRUN',
  SRD: 'SPLIT_DELAYED',
} as const;

/** The registers at 0x02 and 0x04 mean other things on a bridge. */
export const PCIX = standard({
  name: 'PCIX',
  id: 0x07,
  title: 'PCI-X',
  ref: 'PCI-X Protocol 2.0a, 7.2 and 8.6.2',
  registers: {
    COMMAND: r16(0x02, {
      VERSION: [13, 12, 'ro'],
      OUTSTANDING: [6, 4, OUTSTANDING],
      READ_COUNT: [3, 2, COUNTS],
      RELAXED_ORDERING: 1,
      PARITY_RECOVERY: 0,
    }),
    STATUS: r32(
      0x04,
      {
        MHZ533: [31, 31, 'ro'],
        MHZ266: [30, 30, 'ro'],
        ERROR_MESSAGE: [29, 29, 'w1c'],
        READ_SIZE: [28, 26, 'ro', codes('8', '16', '32', '64', '128', '256', '512', '1024')],
        OUTSTANDING: [25, 23, 'ro', OUTSTANDING],
        READ_COUNT: [22, 21, 'ro', COUNTS],
        COMPLEX: [20, 20, 'ro', { simple: 0, bridge: 1 }],
        UNEXPECTED: [19, 19, 'w1c'],
        DISCARDED: [18, 18, 'w1c'],
        MHZ133: [17, 17, 'ro'],
        BITS64: [16, 16, 'ro'],
        BUS: [15, 8, 'ro'],
        DEVICE: [7, 3, 'ro'],
        FUNCTION: [2, 0, 'ro'],
      },
      'w1c',
    ),
    SECONDARY_STATUS: r16(
      0x02,
      {
        FREQUENCY: [8, 6, 'ro'],
        SPLIT_DELAYED: [5, 5, 'w1c'],
        OVERRUN: [4, 4, 'w1c'],
        UNEXPECTED: [3, 3, 'w1c'],
        DISCARDED: [2, 2, 'w1c'],
        MHZ133: [1, 1, 'ro'],
        BITS64: [0, 0, 'ro'],
      },
      'w1c',
    ),
    BRIDGE_STATUS: r32(
      0x04,
      { ...BRIDGE_STATUS, BUS: [15, 8, 'ro'], DEVICE: [7, 3, 'ro'], FUNCTION: [2, 0, 'ro'] },
      'w1c',
    ),
    UPSTREAM: r32(0x08, { LIMIT: [31, 16], CAPACITY: [15, 0, 'ro'] }),
    DOWNSTREAM: r32(0x0c, { LIMIT: [31, 16], CAPACITY: [15, 0, 'ro'] }),
  },
  shape: (_, space) =>
    isBridge(space)
      ? { COMMAND: false, STATUS: false }
      : { SECONDARY_STATUS: false, BRIDGE_STATUS: false, UPSTREAM: false, DOWNSTREAM: false },
  *text(pcix, space) {
    if (isBridge(space)) {
      yield 'PCI-X bridge device';
      if (!holds(space, pcix, 0x04, 12)) return;
      const { SECONDARY_STATUS: secondary } = pcix;
      const frequency = FREQUENCIES[secondary.FREQUENCY] ?? `?${secondary.FREQUENCY}`;
      yield `\tSecondary Status: ${flags(secondary, BRIDGE_LINE)} Freq=${frequency}`;
      const { BRIDGE_STATUS: status, UPSTREAM, DOWNSTREAM } = pcix;
      yield `\tStatus: Dev=${place(status)} ${flags(status, BRIDGE_LINE)}`;
      yield `\tUpstream: Capacity=${UPSTREAM.CAPACITY} CommitmentLimit=${UPSTREAM.LIMIT}`;
      yield `\tDownstream: Capacity=${DOWNSTREAM.CAPACITY} CommitmentLimit=${DOWNSTREAM.LIMIT}`;
      return;
    }
    if (!isDevice(space)) return;
    yield 'PCI-X non-bridge device';
    if (!holds(space, pcix, 0x04, 4)) return;
    const { COMMAND, STATUS } = pcix;
    yield `\tCommand: ${flags(COMMAND, { DPERE: 'PARITY_RECOVERY', ERO: 'RELAXED_ORDERING' })} RBC=${COMMAND.READ_COUNT} OST=${COMMAND.OUTSTANDING}`;
    const bus = flags(STATUS, { '64bit': 'BITS64', '133MHz': 'MHZ133', SCD: 'DISCARDED', USC: 'UNEXPECTED' });
    const limits = `DMMRBC=${STATUS.READ_COUNT} DMOST=${STATUS.OUTSTANDING} DMCRS=${STATUS.READ_SIZE}`;
    const fast = flags(STATUS, { RSCEM: 'ERROR_MESSAGE', '266MHz': 'MHZ266', '533MHz': 'MHZ533' });
    yield `\tStatus: Dev=${place(STATUS)} ${bus} DC=${STATUS.COMPLEX} ${limits} ${fast}`;
  },
});

const FREQUENCIES = ['conv', '66MHz', '100MHz', '133MHz'];

const place = ({ BUS, DEVICE, FUNCTION }: { BUS: number; DEVICE: number; FUNCTION: number }): string =>
  `${hex(BUS, 2)}:${hex(DEVICE, 2)}.${FUNCTION}`;

const AGP_REGISTERS = {
  VERSION: r8(0x02, { MAJOR: [7, 4], MINOR: [3, 0] }, 'ro'),
  STATUS: r32(
    0x04,
    {
      REQUESTS: [31, 24],
      ISOCHRONOUS: 16,
      ASYNC_SIZE: [15, 13],
      CALIBRATION: [12, 10],
      SIDEBAND: 9,
      COHERENT: 8,
      GART64: 7,
      HOST_TRANSLATION: 6,
      BITS64: 5,
      FAST_WRITE: 4,
      AGP3: 3,
      RATE: [2, 0],
    },
    'ro',
  ),
  COMMAND: r32(0x08, {
    REQUESTS: [31, 24],
    ASYNC_SIZE: [15, 13],
    CALIBRATION: [12, 10],
    SIDEBAND: 9,
    ENABLE: 8,
    GART64: 7,
    BITS64: 5,
    FAST_WRITE: 4,
    RATE: [2, 0],
  }),
};

export const AGP = standard({
  name: 'AGP',
  id: 0x02,
  title: 'AGP',
  ref: 'AGP 3.0, 5.5',
  registers: AGP_REGISTERS,
  block: [0x04, 8],
  *text(agp) {
    const { VERSION } = agp;
    yield `AGP version ${hex(VERSION.MAJOR)}.${hex(VERSION.MINOR)}`;
    const { STATUS, COMMAND } = agp;
    const first = VERSION.MAJOR >= 3 && STATUS.AGP3 ? 4 : 1;
    yield `\tStatus: RQ=${STATUS.REQUESTS + 1} Iso${sign(STATUS.ISOCHRONOUS)} ArqSz=${STATUS.ASYNC_SIZE} Cal=${STATUS.CALIBRATION} ${flags(STATUS, { SBA: 'SIDEBAND', ITACoh: 'COHERENT', GART64: 'GART64', HTrans: 'HOST_TRANSLATION', '64bit': 'BITS64', FW: 'FAST_WRITE', AGP3: 'AGP3' })} Rate=${rates(STATUS.RATE, first)}`;
    yield `\tCommand: RQ=${COMMAND.REQUESTS + 1} ArqSz=${COMMAND.ASYNC_SIZE} Cal=${COMMAND.CALIBRATION} ${flags(COMMAND, { SBA: 'SIDEBAND', AGP: 'ENABLE', GART64: 'GART64', '64bit': 'BITS64', FW: 'FAST_WRITE' })} Rate=${rates(COMMAND.RATE, first)}`;
  },
});

/** The lowest bit stands for `first` times the base rate, each other for twice as much. */
function rates(bits: number, first: number): string {
  const names = [0, 1, 2].filter((bit) => (bits >> bit) & 1).map((bit) => `x${first << bit}`);
  return names.length === 0 ? '<none>' : names.join(',');
}

/** The same, of the bridge to an AGP 8x port. */
export const AGP3 = standard({
  name: 'AGP3',
  id: 0x0e,
  title: 'AGP 8x',
  ref: 'AGP 3.0, 5.5',
  registers: AGP_REGISTERS,
  *text() {
    yield 'AGP3 <?>';
  },
});
