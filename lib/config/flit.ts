/** Flit mode's logging and error injection. Ref: PCI Express Base 6.1, 7.7.8 and 7.8.12 */
import { r16, r32 } from '../map.js';
import { extended } from './capability.js';
import { WIDTH } from './device3.js';
import { codes, flags, hex, named } from './words.js';

export const FLIT_LOG = extended({
  name: 'FLIT_LOG',
  id: 0x32,
  title: 'Flit Logging',
  ref: 'PCI Express Base 6.1, 7.7.8',
  registers: {
    LOG1: r32(0x04, {
      CHECK0: [31, 24, 'ro'],
      PARITY0: [23, 16, 'ro'],
      UNCORRECTABLE: [15, 15, 'ro'],
      UNRECOGNIZED: [14, 14, 'ro'],
      MORE: [13, 13, 'ro'],
      CONSECUTIVE: [12, 8, 'ro'],
      OFFSET: [7, 4, 'ro'],
      WIDTH: [3, 1, 'ro', WIDTH],
      VALID: [0, 0, 'w1c'],
    }),
    LOG2: r32(0x08, { CHECK2: [31, 24], PARITY2: [23, 16], CHECK1: [15, 8], PARITY1: [7, 0] }, 'ro'),
    COUNTER_CTRL: r16(0x0c, { TRIGGER: [11, 4], EVENTS: [3, 2], INTERRUPT_ENABLE: 1, ENABLE: 0 }),
    COUNTER_STATUS: r16(0x0e, { COUNT: [15, 8, 'ro'], INTERRUPT: 3, WIDTH: [2, 0, 'ro', WIDTH] }, 'w1c'),
    MEASURE_CTRL: r32(0x10, {
      GRANULARITY: [3, 2, codes('all', 'even', 'odd', 'mismatch')],
      CLEAR: [1, 1, 'wo'],
      ENABLE: 0,
    }),
    FLITS: r32(0x14, {}, 'ro'),
    INVALID_FLITS: r32(0x18, { COUNT: [15, 0] }, 'ro'),
    /** Correctable errors, of each lane. */
    LANE: r16(0x1c, {}, { access: 'ro', count: 16 }),
  },
  block: [0x04, 56],
  *text(log) {
    yield 'Flit Logging';
    const { LOG1, LOG2, COUNTER_CTRL, COUNTER_STATUS, MEASURE_CTRL } = log;
    const width = (value: number | string) => named(value, `Unknown (${value})`);
    yield `\tLog1:      ${flags(LOG1, { Valid: 'VALID' })}, Link Width: ${width(LOG1.WIDTH)}`;
    yield `\t\t   ${flags(LOG1, { 'More entries': 'MORE', 'Unrecognized flit': 'UNRECOGNIZED', 'FEC uncorrectable': 'UNCORRECTABLE' })}`;
    yield `\t\t   SyndParityGrp0: ${hex(LOG1.PARITY0, 2)}, SyndCheckGrp0: ${hex(LOG1.CHECK0, 2)}`;
    yield `\tLog2:      SyndParityGrp1: ${hex(LOG2.PARITY1, 2)}, SyndCheckGrp1: ${hex(LOG2.CHECK1, 2)}`;
    yield `\t\t   SyndParityGrp2: ${hex(LOG2.PARITY2, 2)}, SyndCheckGrp2: ${hex(LOG2.CHECK2, 2)}`;
    yield `\tCntCtl:    ${flags(COUNTER_CTRL, { 'Flit Error Counter En': 'ENABLE', 'Flit Error Counter Interrupt En': 'INTERRUPT_ENABLE' })}`;
    yield `\t\t   Events to count: ${COUNTER_CTRL.EVENTS}, Trigger Event on Error Count: ${hex(COUNTER_CTRL.TRIGGER, 2)}`;
    yield `\tCntSts:    Link Width when Error Counter Started ${width(COUNTER_STATUS.WIDTH)}`;
    // lspci takes the width's third bit for the interrupt's.
    const interrupt = (COUNTER_STATUS.raw & 4) === 0 ? '-' : '+';
    yield `\t\t   Interrupt Generated based on Trigger Event Count${interrupt}, FlitErr: ${COUNTER_STATUS.COUNT}`;
    yield `\tMeasCtl:   ${flags(MEASURE_CTRL, { En: 'ENABLE' })} Granularity: ${MEASURE_CTRL.GRANULARITY}`;
    yield `\tMeasSts1:  Flit Counter: ${log.FLITS}`;
    yield `\tMeasSts2:  Invalid Flit Counter: ${log.INVALID_FLITS.COUNT}`;
    for (let lane = 0; lane < log.LANE.length; lane += 2) {
      const [line, ...pair] = [lane / 2 + 3, lane, lane + 1];
      const text = pair.map((one) => `Lane${`${one}:`.padEnd(3)} ${String(log.LANE[one] ?? 0).padStart(5)}`).join(', ');
      yield `\tMeasSts${`${line}:`.padEnd(3)} ${text}`;
    }
  },
});

const INJECTED = codes('not started', 'started', 'completed', 'error');
const ORDERED_SETS = {
  EQ3: [27, 26, 'ro', INJECTED],
  EQ2: [25, 24, 'ro', INJECTED],
  EQ01: [23, 22, 'ro', INJECTED],
  RECOVERY: [21, 20, 'ro', INJECTED],
  L0: [19, 18, 'ro', INJECTED],
  CONFIGURATION: [17, 16, 'ro', INJECTED],
  POLLING: [15, 14, 'ro', INJECTED],
  SDS: [13, 12, 'ro', INJECTED],
  EIOS: [11, 10, 'ro', INJECTED],
  EIEOS: [9, 8, 'ro', INJECTED],
  SKP: [7, 6, 'ro', INJECTED],
  TS2: [5, 4, 'ro', INJECTED],
  TS1: [3, 2, 'ro', INJECTED],
  TS0: [1, 0, 'ro', INJECTED],
} as const;

export const FLIT_EI = extended({
  name: 'FLIT_EI',
  id: 0x34,
  title: 'Flit Error Injection',
  ref: 'PCI Express Base 6.1, 7.8.12',
  registers: {
    CAP: r32(0x04, {}, 'ro'),
    CTRL1: r32(0x08, {
      FLITS: [30, 29, codes('any', 'any non-IDLE', 'only payload', 'only NOP')],
      SPACING: [28, 21],
      ERRORS: [20, 16],
      GT64: 11,
      GT32: 10,
      GT16: 9,
      GT8: 8,
      GT5: 7,
      GT2_5: 6,
      RX: 2,
      TX: 1,
      ENABLE: 0,
    }),
    CTRL2: r32(0x0c, {
      MAGNITUDE: [19, 12],
      OFFSET: [11, 5],
      TYPE: [4, 3, codes('random', 'correctable single group', 'correctable three groups', 'uncorrectable')],
      CONSECUTIVE: [2, 0, { none: 0, '1': 1, '2': 2, '3': 3, '5': 5, '6': 6, 'pseudo-random': 7 }],
    }),
    STATUS: r32(0x10, { RX: [3, 2, INJECTED], TX: [1, 0, INJECTED] }, 'ro'),
    ORDERED_CTRL1: r32(0x14, {
      EQ3: 29,
      EQ2: 28,
      EQ01: 27,
      RECOVERY: 26,
      L0: 25,
      CONFIGURATION: 24,
      POLLING: 23,
      SDS: 22,
      EIOS: 21,
      EIEOS: 20,
      SKP: 19,
      TS2: 18,
      TS1: 17,
      TS0: 16,
      SPACING: [15, 8],
      ERRORS: [7, 3],
      RX: 2,
      TX: 1,
      ENABLE: 0,
    }),
    ORDERED_CTRL2: r32(0x18, { LANES: [31, 16], BYTES: [15, 0] }),
    ORDERED_TX: r32(0x1c, ORDERED_SETS),
    ORDERED_RX: r32(0x20, ORDERED_SETS),
  },
  block: [0x04, 32],
  *text(injection) {
    yield 'Flit Error Injection';
    const { CTRL1, CTRL2, STATUS, ORDERED_CTRL1, ORDERED_CTRL2 } = injection;
    const speeds = {
      '2.5GT/s': 'GT2_5',
      '5.0GT/s': 'GT5',
      '8.0GT/s': 'GT8',
      '16.0GT/s': 'GT16',
      '32.0GT/s': 'GT32',
      '64.0GT/s': 'GT64',
    } as const;
    const sides = { En: 'ENABLE', Tx: 'TX', Rx: 'RX' } as const;
    yield `\tFlitEiCtl1:   ${flags(CTRL1, { ...sides, ...speeds })}`;
    yield `\t\t      Number of errors: ${CTRL1.ERRORS}, Spacing between errors: ${CTRL1.SPACING}, Flit Type: ${CTRL1.FLITS}`;
    yield `\tFlitEiCtl2:   Consecutive: ${named(CTRL2.CONSECUTIVE, `Unknown (${CTRL2.CONSECUTIVE})`)}, Type: ${CTRL2.TYPE}, Offset: ${CTRL2.OFFSET}, Magnitude: ${CTRL2.MAGNITUDE}`;
    yield `\tFlitEiSts:    Tx: ${STATUS.TX}, Rx: ${STATUS.RX}`;
    const sets = { TS0: 'TS0', TS1: 'TS1', TS2: 'TS2', SKP: 'SKP', EIEOS: 'EIEOS', EIOS: 'EIOS' } as const;
    yield `\tFlitEiOsCtl1: ${flags(ORDERED_CTRL1, { ...sides, ...sets })}`;
    yield `\t\t      ${flags(ORDERED_CTRL1, { SDS: 'SDS', Poll: 'POLLING', Conf: 'CONFIGURATION', L0: 'L0', NoEq: 'RECOVERY', Eq01: 'EQ01', Eq2: 'EQ2', Eq3: 'EQ3' })}`;
    yield `\tFlitEiOsCtl2: Bytes: ${hex(ORDERED_CTRL2.BYTES, 4)}, Lanes: ${hex(ORDERED_CTRL2.LANES, 4)}`;
    for (const [name, set] of [
      ['FlitEiOsTx:', injection.ORDERED_TX],
      ['FlitEiOsRx:', injection.ORDERED_RX],
    ] as const) {
      yield `\t${name}   TS0: ${set.TS0}, TS1: ${set.TS1}, TS2: ${set.TS2}`;
      yield `\t\t      SKP: ${set.SKP}, EIEOS: ${set.EIEOS}, EIOS: ${set.EIOS}`;
      yield `\t\t      SDS: ${set.SDS}, Polling: ${set.POLLING}, Configuration: ${set.CONFIGURATION}`;
      yield `\t\t      L0: ${set.L0}, non-EQ recovery: ${set.RECOVERY}, Eq01: ${set.EQ01}`;
      yield `\t\t      Eq2: ${set.EQ2}, Eq3: ${set.EQ3}`;
    }
  },
});
