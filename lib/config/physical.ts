/** The physical layers: equalization of each speed, its presets on each lane, margining. Ref: PCI Express Base 6.0, 7.7 */
import { r8, r16, r32 } from '../map.js';
import { extended } from './capability.js';
import { linkWidth } from './express-text.js';
import type { Space } from './space.js';
import { codes, flags, sign } from './words.js';

const MOST_LANES = 32;
const PRESETS = { UPSTREAM: [7, 4], DOWNSTREAM: [3, 0] } as const;
const MARGIN = { PAYLOAD: [15, 8], USAGE: 6, TYPE: [5, 3], RECEIVER: [2, 0] } as const;

/** As many as the link is wide. */
const lanes = (_: unknown, space: Space): { readonly LANE: { readonly count: number } } => ({
  LANE: { count: linkWidth(space) },
});

export const SECPCI = extended({
  name: 'SECPCI',
  id: 0x19,
  title: 'Secondary PCI Express',
  ref: 'PCI Express Base 6.0, 7.7.3',
  registers: {
    LNKCTL3: r32(0x04, { INTERRUPT_ENABLE: 1, PERFORM_EQUALIZATION: 0 }),
    LANE_ERRORS: r32(0x08, {}, 'w1c'),
    LANE: r16(
      0x0c,
      { UPSTREAM_HINT: [14, 12], UPSTREAM_PRESET: [11, 8], DOWNSTREAM_HINT: [6, 4], DOWNSTREAM_PRESET: [3, 0] },
      { access: 'ro', count: MOST_LANES },
    ),
  },
  shape: lanes,
  block: [0x04, 12],
  *text(secondary) {
    yield 'Secondary PCI Express';
    yield `\tLnkCtl3: ${flags(secondary.LNKCTL3, { LnkEquIntrruptEn: 'INTERRUPT_ENABLE', PerformEqu: 'PERFORM_EQUALIZATION' })}`;
    const { LANE_ERRORS } = secondary;
    const wrong = Array.from({ length: 16 }, (_, lane) => lane).filter((lane) => (LANE_ERRORS >>> lane) & 1);
    yield `\tLaneErrStat: ${wrong.length === 0 ? '0' : `LaneErr at lane: ${wrong.join(' ')}`}`;
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
  registers: {
    CAP: r32(0x04, {}, 'ro'),
    CTRL: r32(0x08, {}),
    STATUS: r32(0x0c, EQUALIZATION, 'w1c'),
    /** Data parity mismatches, a bit a lane: here, and at the two retimers. */
    LOCAL_PARITY: r32(0x10, {}, 'w1c'),
    RETIMER1_PARITY: r32(0x14, {}, 'w1c'),
    RETIMER2_PARITY: r32(0x18, {}, 'w1c'),
    LANE: r8(0x20, PRESETS, { access: 'ro', count: MOST_LANES }),
  },
  shape: lanes,
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
    RECEIVED1: r32(0x10, { VENDOR: [31, 16], INFORMATION: [15, 3], MODE: [2, 0] }, 'ro'),
    RECEIVED2: r32(0x14, { STATUS: [25, 24], INFORMATION: [23, 0] }, 'ro'),
    TRANSMITTED1: r32(0x18, { VENDOR: [31, 16], INFORMATION: [15, 3], MODE: [2, 0] }, 'ro'),
    TRANSMITTED2: r32(0x1c, { STATUS: [25, 24], INFORMATION: [23, 0] }, 'ro'),
    LANE: r8(0x20, PRESETS, { access: 'ro', count: MOST_LANES }),
  },
  shape: lanes,
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
    LANE: r8(0x10, PRESETS, { access: 'ro', count: MOST_LANES }),
  },
  shape: lanes,
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
    LANE_CTRL: r16(0x08, MARGIN, { count: MOST_LANES, stride: 4 }),
    LANE_STATUS: r16(0x0a, MARGIN, { access: 'ro', count: MOST_LANES, stride: 4 }),
  },
  shape(_, space) {
    const count = { count: linkWidth(space) };
    return { LANE_CTRL: count, LANE_STATUS: count };
  },
  block: [0x00, 8],
  *text(margining) {
    yield 'Lane Margining at the Receiver';
    yield `\tPortCap: Uses Driver${sign(margining.CAP.DRIVER)}`;
    yield `\tPortSta: ${flags(margining.STATUS, { MargReady: 'READY', MargSoftReady: 'SOFTWARE_READY' })}`;
  },
});
