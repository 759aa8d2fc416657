/** What a link says of itself beyond PCI Express: serial number, LTR, L1 substates, PTM, DPC. */
import { r16, r32 } from '../map.js';
import { extended, holds } from './capability.js';
import { flags, hex, sign } from './words.js';

export const DSN = extended({
  name: 'DSN',
  id: 0x03,
  title: 'Device Serial Number',
  ref: 'PCI Express Base 6.0, 7.9.3',
  registers: { LOW: r32(0x04, {}, 'ro'), HIGH: r32(0x08, {}, 'ro') },
  *text(dsn, space) {
    if (!holds(space, dsn, 0x04, 8)) return;
    yield `Device Serial Number ${`${hex(dsn.HIGH, 8)}${hex(dsn.LOW, 8)}`.replace(/..(?=.)/g, '$&-')}`;
  },
});

const LATENCY = { SCALE: [12, 10], VALUE: [9, 0] } as const;

export const LTR = extended({
  name: 'LTR',
  id: 0x18,
  title: 'Latency Tolerance Reporting',
  ref: 'PCI Express Base 6.0, 7.8.2',
  registers: { MAX_SNOOP: r16(0x04, LATENCY), MAX_NO_SNOOP: r16(0x06, LATENCY) },
  block: [0x04, 4],
  *text(ltr) {
    yield 'Latency Tolerance Reporting';
    yield `\tMax snoop latency: ${nanoseconds(ltr.MAX_SNOOP)}ns`;
    yield `\tMax no snoop latency: ${nanoseconds(ltr.MAX_NO_SNOOP)}ns`;
  },
});

/** SCALE is a power of 32; of the two reserved ones lspci shows what a 32-bit shift makes. */
const nanoseconds = ({ VALUE, SCALE }: { VALUE: number; SCALE: number }): number => VALUE * 2 ** ((SCALE * 5) % 32);

const SUBSTATES = { ASPM_L1_1: 3, ASPM_L1_2: 2, PCIPM_L1_1: 1, PCIPM_L1_2: 0 } as const;
const SUBSTATES_LINE = {
  'PCI-PM_L1.2': 'PCIPM_L1_2',
  'PCI-PM_L1.1': 'PCIPM_L1_1',
  'ASPM_L1.2': 'ASPM_L1_2',
  'ASPM_L1.1': 'ASPM_L1_1',
} as const;

export const L1PM = extended({
  name: 'L1PM',
  id: 0x1e,
  title: 'L1 PM Substates',
  ref: 'PCI Express Base 6.0, 7.8.3',
  registers: {
    CAP: r32(
      0x04,
      {
        POWER_ON: [23, 19],
        POWER_ON_SCALE: [17, 16],
        COMMON_MODE: [15, 8, { unit: 'us' }],
        SUBSTATES: 4,
        ...SUBSTATES,
      },
      'ro',
    ),
    CTRL1: r32(0x08, {
      THRESHOLD_SCALE: [31, 29],
      THRESHOLD: [25, 16],
      COMMON_MODE: [15, 8, { unit: 'us' }],
      ...SUBSTATES,
    }),
    CTRL2: r32(0x0c, { POWER_ON: [7, 3], POWER_ON_SCALE: [1, 0] }),
  },
  block: [0x04, 12],
  unreadable: true,
  *text(l1) {
    yield 'L1 PM Substates';
    const { CAP } = l1;
    yield `\tL1SubCap: ${flags(CAP, { ...SUBSTATES_LINE, L1_PM_Substates: 'SUBSTATES' })}`;
    const deep = CAP.PCIPM_L1_2 || CAP.ASPM_L1_2;
    if (deep) yield `\t\t  PortCommonModeRestoreTime=${CAP.COMMON_MODE}us PortTPowerOnTime=${powerOn(CAP)}`;
    const { CTRL1 } = l1;
    yield `\tL1SubCtl1: ${flags(CTRL1, SUBSTATES_LINE)}`;
    if (deep) {
      const threshold = CTRL1.THRESHOLD_SCALE > 5 ? '<error>' : `${CTRL1.THRESHOLD * 32 ** CTRL1.THRESHOLD_SCALE}ns`;
      yield `\t\t   T_CommonMode=${CTRL1.COMMON_MODE}us${CAP.ASPM_L1_2 ? ` LTR1.2_Threshold=${threshold}` : ''}`;
    }
    const { CTRL2 } = l1;
    yield `\tL1SubCtl2:${deep ? ` T_PwrOn=${powerOn(CTRL2)}` : ''}`;
  },
});

const POWER_ON_SCALES = [2, 10, 100];

function powerOn({ POWER_ON, POWER_ON_SCALE }: { POWER_ON: number; POWER_ON_SCALE: number }): string {
  const scale = POWER_ON_SCALES[POWER_ON_SCALE];
  return scale === undefined ? '<error>' : `${POWER_ON * scale}us`;
}

export const PTM = extended({
  name: 'PTM',
  id: 0x1f,
  title: 'Precision Time Measurement',
  ref: 'PCI Express Base 6.0, 7.9.15',
  registers: {
    /** GRANULARITY in nanoseconds; 255: more than 254. */
    CAP: r32(0x04, { GRANULARITY: [15, 8, { unit: 'ns' }], ROOT: 2, RESPONDER: 1, REQUESTER: 0 }, 'ro'),
    CTRL: r32(0x08, { GRANULARITY: [15, 8, { unit: 'ns' }], ROOT_SELECT: 1, ENABLE: 0 }),
  },
  block: [0x04, 8],
  unreadable: true,
  *text(ptm) {
    const granularity = (value: number, none: string) =>
      value === 0 ? none : value === 255 ? 'Greater than 254ns' : `${value}ns`;
    yield 'Precision Time Measurement';
    yield `\tPTMCap: ${flags(ptm.CAP, { Requester: 'REQUESTER', Responder: 'RESPONDER', Root: 'ROOT' })}`;
    yield `\tPTMClockGranularity: ${granularity(ptm.CAP.GRANULARITY, 'Unimplemented')}`;
    yield `\tPTMControl: ${flags(ptm.CTRL, { Enabled: 'ENABLE', RootSelected: 'ROOT_SELECT' })}`;
    yield `\tPTMEffectiveGranularity: ${granularity(ptm.CTRL.GRANULARITY, 'Unknown')}`;
  },
});

/** Unsupported request, completer abort and completion timeout, of each kind of request. */
const PIO_ERRORS = {
  MEMORY_TIMEOUT: 18,
  MEMORY_ABORT: 17,
  MEMORY_UNSUPPORTED: 16,
  IO_TIMEOUT: 10,
  IO_ABORT: 9,
  IO_UNSUPPORTED: 8,
  CONFIG_TIMEOUT: 2,
  CONFIG_ABORT: 1,
  CONFIG_UNSUPPORTED: 0,
} as const;
/** PIO_LOG_SIZE words: the header, the implementation's own, the prefixes. */
const HEADER_WORDS = 4;
const MOST_LOG = 15;

export const DPC = extended({
  name: 'DPC',
  id: 0x1d,
  title: 'Downstream Port Containment',
  ref: 'PCI Express Base 6.0, 7.9.14',
  registers: {
    CAP: r16(
      0x04,
      {
        DL_ACTIVE: 12,
        PIO_LOG_SIZE: [11, 8, { unit: '4 bytes' }],
        SOFTWARE_TRIGGER: 7,
        POISONED_BLOCKING: 6,
        ROOT_PORT_EXTENSIONS: 5,
        INTERRUPT_MESSAGE: [4, 0],
      },
      'ro',
    ),
    CTRL: r16(0x06, {
      DL_ACTIVE: 7,
      SOFTWARE_TRIGGER: [6, 6, 'wo'],
      POISONED_BLOCKING: 5,
      CORRECTABLE: 4,
      INTERRUPT: 3,
      COMPLETION: 2,
      TRIGGER: [1, 0],
    }),
    STATUS: r16(
      0x08,
      {
        PIO_FIRST_ERROR: [12, 8, 'ro'],
        TRIGGER_EXTENSION: [6, 5, 'ro'],
        ROOT_PORT_BUSY: [4, 4, 'ro'],
        INTERRUPT: [3, 3, 'w1c'],
        REASON: [2, 1, 'ro'],
        TRIGGER: [0, 0, 'w1c'],
      },
      { access: 'w1c', errors: true },
    ),
    SOURCE: r16(0x0a, {}, 'ro'),
    // Of root ports with the extensions
    PIO_STATUS: r32(0x0c, PIO_ERRORS, { access: 'w1c', errors: true }),
    PIO_MASK: r32(0x10, PIO_ERRORS),
    PIO_SEVERITY: r32(0x14, PIO_ERRORS),
    PIO_SYSTEM_ERROR: r32(0x18, PIO_ERRORS),
    PIO_EXCEPTION: r32(0x1c, PIO_ERRORS),
    PIO_HEADER_LOG: r32(0x20, {}, { access: 'ro', count: HEADER_WORDS }),
    PIO_IMPSPEC_LOG: r32(0x30, {}, 'ro'),
    PIO_PREFIX_LOG: r32(0x34, {}, { access: 'ro', count: MOST_LOG - HEADER_WORDS - 1 }),
  },
  shape({ CAP }) {
    const size = CAP.ROOT_PORT_EXTENSIONS ? CAP.PIO_LOG_SIZE : 0;
    const prefixes = { PIO_PREFIX_LOG: { count: Math.max(0, size - HEADER_WORDS - 1) } };
    const words = { PIO_HEADER_LOG: { count: Math.min(size, HEADER_WORDS) }, ...prefixes };
    const log = size > HEADER_WORDS ? words : { ...words, PIO_IMPSPEC_LOG: false as const };
    if (CAP.ROOT_PORT_EXTENSIONS) return log;
    const none = { PIO_STATUS: false, PIO_MASK: false, PIO_SEVERITY: false } as const;
    return { ...log, ...none, PIO_SYSTEM_ERROR: false, PIO_EXCEPTION: false };
  },
  block: [0x04, 8],
  *text(dpc) {
    yield 'Downstream Port Containment';
    const { CAP, CTRL, STATUS } = dpc;
    yield `\tDpcCap:\tIntMsgNum ${CAP.INTERRUPT_MESSAGE}, ${flags(CAP, { RPExt: 'ROOT_PORT_EXTENSIONS', PoisonedTLP: 'POISONED_BLOCKING', SwTrigger: 'SOFTWARE_TRIGGER' })} RP PIO Log ${CAP.PIO_LOG_SIZE}, DL_ActiveErr${sign(CAP.DL_ACTIVE)}`;
    yield `\tDpcCtl:\tTrigger:${CTRL.TRIGGER} ${flags(CTRL, { Cmpl: 'COMPLETION', INT: 'INTERRUPT', ErrCor: 'CORRECTABLE', PoisonedTLP: 'POISONED_BLOCKING', SwTrigger: 'SOFTWARE_TRIGGER', DL_ActiveErr: 'DL_ACTIVE' })}`;
    yield `\tDpcSta:\tTrigger${sign(STATUS.TRIGGER)} Reason:${hex(STATUS.REASON, 2)} ${flags(STATUS, { INT: 'INTERRUPT', RPBusy: 'ROOT_PORT_BUSY' })} TriggerExt:${hex(STATUS.TRIGGER_EXTENSION, 2)} RP PIO ErrPtr:${hex(STATUS.PIO_FIRST_ERROR, 2)}`;
    yield `\tSource:\t${hex(dpc.SOURCE, 4)}`;
  },
});
