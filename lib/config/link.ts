/** What a link says of itself beyond PCI Express: the physical layers, L1 substates, LTR, PTM, DPC. */
import { r16, r32 } from '../registers.js';
import { extended, holds } from './capability.js';
import { codes, flags, hex, sign } from './words.js';

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

export const SECPCI = extended({
  name: 'SECPCI',
  id: 0x19,
  title: 'Secondary PCI Express',
  ref: 'PCI Express Base 6.0, 7.7.3',
  registers: {
    LNKCTL3: r32(0x04, { INTERRUPT_ENABLE: 1, PERFORM_EQUALIZATION: 0 }),
    LANE_ERRORS: r32(0x08, {}, 'w1c'),
  },
  block: [0x04, 12],
  *text(secondary) {
    yield 'Secondary PCI Express';
    yield `\tLnkCtl3: ${flags(secondary.LNKCTL3, { LnkEquIntrruptEn: 'INTERRUPT_ENABLE', PerformEqu: 'PERFORM_EQUALIZATION' })}`;
    const { LANE_ERRORS } = secondary;
    const lanes = Array.from({ length: 16 }, (_, lane) => lane).filter((lane) => (LANE_ERRORS >>> lane) & 1);
    yield `\tLaneErrStat: ${lanes.length === 0 ? '0' : `LaneErr at lane: ${lanes.join(' ')}`}`;
  },
});

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

const EQUALIZATION = {
  REQUEST: [4, 4, 'w1c'],
  PHASE3: [3, 3, 'ro'],
  PHASE2: [2, 2, 'ro'],
  PHASE1: [1, 1, 'ro'],
  COMPLETE: [0, 0, 'ro'],
} as const;
const EQUALIZATION_LINE = {
  EquComplete: 'COMPLETE',
  EquPhase1: 'PHASE1',
  EquPhase2: 'PHASE2',
  EquPhase3: 'PHASE3',
  LinkEquRequest: 'REQUEST',
} as const;

export const PL16GT = extended({
  name: '16GT',
  id: 0x26,
  title: 'Physical Layer 16.0 GT/s',
  ref: 'PCI Express Base 6.0, 7.7.5',
  registers: { CAP: r32(0x04, {}, 'ro'), CTRL: r32(0x08, {}), STATUS: r32(0x0c, EQUALIZATION, 'w1c') },
  block: [0x04, 0x18],
  unreadable: true,
  *text(layer) {
    yield 'Physical Layer 16.0 GT/s';
    yield `\tPhy16Sta: ${flags(layer.STATUS, EQUALIZATION_LINE)}`;
  },
});

export const PL32GT = extended({
  name: '32GT',
  id: 0x2a,
  title: 'Physical Layer 32.0 GT/s',
  ref: 'PCI Express Base 6.0, 7.7.6',
  registers: {
    CAP: r32(0x04, { MODE2: 10, MODE1: 9, MODE0: 8, NO_EQUALIZATION: 1, BYPASS: 0 }, 'ro'),
    CTRL: r32(0x08, { MODE: [10, 8], NO_EQUALIZATION_DISABLE: 1, BYPASS_DISABLE: 0 }),
    STATUS: r32(
      0x0c,
      {
        NO_EQUALIZATION_RECEIVED: [10, 10, 'ro'],
        PRECODE_REQUEST: [9, 9, 'ro'],
        PRECODE_ON: [8, 8, 'ro'],
        BEHAVIOR: [
          7,
          6,
          'ro',
          codes(
            'Full Equalization required',
            'Equalization bypass to highest rate support',
            'No Equalization Needed',
            'Modified TS1/TS2 Ordered Sets supported',
          ),
        ],
        MODIFIED_TS: [5, 5, 'ro'],
        ...EQUALIZATION,
      },
      'w1c',
    ),
  },
  block: [0x04, 0x1c],
  unreadable: true,
  *text(layer) {
    yield 'Physical Layer 32.0 GT/s';
    const { CAP, CTRL, STATUS } = layer;
    const modes = ['PCI Express', 'Training Set Messages', 'Alternate Protocol Negotiation'];
    yield `\tPhy32Cap: ${flags(CAP, { EqualizationBypass: 'BYPASS', NoEqualizationNeeded: 'NO_EQUALIZATION' })}`;
    yield `\t\t  ${flags(CAP, { ModTsMode0: 'MODE0', ModTsMode1: 'MODE1', ModTsMode2: 'MODE2' })}`;
    yield `\tPhy32Ctl: ${flags(CTRL, { EqualizationBypassDis: 'BYPASS_DISABLE', NoEqualizationNeededDis: 'NO_EQUALIZATION_DISABLE' })}`;
    yield `\t\t  Modified TS Usage Mode: ${modes[CTRL.MODE] ?? `??${CTRL.MODE}`}`;
    yield `\tPhy32Sta: ${flags(STATUS, EQUALIZATION_LINE)}`;
    yield `\t\t  Received Enhanced Link Behavior Control: ${STATUS.BEHAVIOR}`;
    yield `\t\t  ${flags(STATUS, { ModTsRecv: 'MODIFIED_TS', TxPrecodeOn: 'PRECODE_ON', TxPrecodeReq: 'PRECODE_REQUEST', NoEqualizationNeededRecv: 'NO_EQUALIZATION_RECEIVED' })}`;
  },
});

export const PL64GT = extended({
  name: '64GT',
  id: 0x31,
  title: 'Physical Layer 64.0 GT/s',
  ref: 'PCI Express Base 6.0, 7.7.7',
  registers: {
    CAP: r32(0x04, {}, 'ro'),
    CTRL: r32(0x08, {}),
    STATUS: r32(
      0x0c,
      {
        NO_EQUALIZATION_RECEIVED: [7, 7, 'ro'],
        PRECODE_REQUEST: [6, 6, 'ro'],
        PRECODE_ON: [5, 5, 'ro'],
        ...EQUALIZATION,
      },
      'w1c',
    ),
  },
  block: [0x04, 12],
  unreadable: true,
  *text(layer) {
    yield 'Physical Layer 64.0 GT/s';
    yield `\tPhy64Sta: ${flags(layer.STATUS, EQUALIZATION_LINE)}`;
    yield `\t\t  ${flags(layer.STATUS, { TxPrecodeOn: 'PRECODE_ON', TxPrecodeReq: 'PRECODE_REQUEST', NoEqualizationNeededRecv: 'NO_EQUALIZATION_RECEIVED' })}`;
  },
});

export const LMR = extended({
  name: 'LMR',
  id: 0x27,
  title: 'Lane Margining at the Receiver',
  ref: 'PCI Express Base 6.0, 7.7.8',
  registers: {
    CAP: r16(0x04, { DRIVER: 0 }, 'ro'),
    STATUS: r16(0x06, { SOFTWARE_READY: 1, READY: 0 }, 'ro'),
  },
  block: [0x00, 8],
  *text(margining) {
    yield 'Lane Margining at the Receiver';
    yield `\tPortCap: Uses Driver${sign(margining.CAP.DRIVER)}`;
    yield `\tPortSta: ${flags(margining.STATUS, { MargReady: 'READY', MargSoftReady: 'SOFTWARE_READY' })}`;
  },
});

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
