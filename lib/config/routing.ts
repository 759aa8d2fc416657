/** What a function says of isolation, translation and virtual functions: ACS, ARI, ATS, SR-IOV, PRI, PASID. */
import { r8, r16, r32 } from '../map.js';
import { extended } from './capability.js';
import { flags, hex, sign } from './words.js';

const CONTROLS = {
  DIRECT_TRANSLATED: 6,
  EGRESS_CONTROL: 5,
  UPSTREAM_FORWARDING: 4,
  COMPLETION_REDIRECT: 3,
  REQUEST_REDIRECT: 2,
  TRANSLATION_BLOCKING: 1,
  SOURCE_VALIDATION: 0,
} as const;
const CONTROLS_LINE = {
  SrcValid: 'SOURCE_VALIDATION',
  TransBlk: 'TRANSLATION_BLOCKING',
  ReqRedir: 'REQUEST_REDIRECT',
  CmpltRedir: 'COMPLETION_REDIRECT',
  UpstreamFwd: 'UPSTREAM_FORWARDING',
  EgressCtrl: 'EGRESS_CONTROL',
  DirectTrans: 'DIRECT_TRANSLATED',
} as const;

/** An EGRESS_SIZE of 0 stands for so many bits. */
const MOST_EGRESS = 256;

export const ACS = extended({
  name: 'ACS',
  id: 0x0d,
  title: 'Access Control Services',
  ref: 'PCI Express Base 6.0, 7.7.11',
  registers: {
    CAP: r16(0x04, { EGRESS_SIZE: [15, 8], ...CONTROLS }, 'ro'),
    CTRL: r16(0x06, CONTROLS),
    /** A bit for each port or function that requests may go to. */
    EGRESS_VECTOR: r32(0x08, {}, { count: MOST_EGRESS / 32 }),
  },
  shape({ CAP }) {
    const bits = CAP.EGRESS_CONTROL ? CAP.EGRESS_SIZE || MOST_EGRESS : 0;
    return { EGRESS_VECTOR: { count: Math.ceil(bits / 32) } };
  },
  block: [0x04, 4],
  *text(acs) {
    yield 'Access Control Services';
    yield `\tACSCap:\t${flags(acs.CAP, CONTROLS_LINE)}`;
    yield `\tACSCtl:\t${flags(acs.CTRL, CONTROLS_LINE)}`;
  },
});

export const ARI = extended({
  name: 'ARI',
  id: 0x0e,
  title: 'Alternative Routing-ID Interpretation',
  ref: 'PCI Express Base 6.0, 7.8.8',
  registers: {
    CAP: r16(0x04, { NEXT_FUNCTION: [15, 8], ACS: 1, MFVC: 0 }, 'ro'),
    CTRL: r16(0x06, { GROUP: [6, 4], ACS: 1, MFVC: 0 }),
  },
  block: [0x04, 4],
  *text(ari) {
    yield 'Alternative Routing-ID Interpretation (ARI)';
    yield `\tARICap:\t${flags(ari.CAP, { MFVC: 'MFVC', ACS: 'ACS' })}, Next Function: ${ari.CAP.NEXT_FUNCTION}`;
    yield `\tARICtl:\t${flags(ari.CTRL, { MFVC: 'MFVC', ACS: 'ACS' })}, Function Group: ${ari.CTRL.GROUP}`;
  },
});

export const ATS = extended({
  name: 'ATS',
  id: 0x0f,
  title: 'Address Translation Services',
  ref: 'PCI Express Base 6.0, 10.5.1',
  registers: {
    CAP: r16(0x04, { QUEUE_DEPTH: [4, 0] }, 'ro'),
    /** Of 4096 bytes times two to the power of UNIT. */
    CTRL: r16(0x06, { ENABLE: 15, UNIT: [4, 0] }),
  },
  block: [0x04, 4],
  *text(ats) {
    yield 'Address Translation Service (ATS)';
    yield `\tATSCap:\tInvalidate Queue Depth: ${hex(ats.CAP.QUEUE_DEPTH, 2)}`;
    yield `\tATSCtl:\tEnable${sign(ats.CTRL.ENABLE)}, Smallest Translation Unit: ${hex(ats.CTRL.UNIT, 2)}`;
  },
});

export const PRI = extended({
  name: 'PRI',
  id: 0x13,
  title: 'Page Request Interface',
  ref: 'PCI Express Base 6.0, 10.5.2',
  registers: {
    CTRL: r16(0x04, { RESET: 1, ENABLE: 0 }),
    STATUS: r16(
      0x06,
      {
        PASID: [15, 15, 'ro'],
        STOPPED: [8, 8, 'ro'],
        UNEXPECTED_GROUP: [1, 1, 'w1c'],
        RESPONSE_FAILURE: [0, 0, 'w1c'],
      },
      { access: 'w1c', errors: true },
    ),
    CAPACITY: r32(0x08, {}, 'ro'),
    ALLOCATION: r32(0x0c, {}),
  },
  block: [0x04, 12],
  *text(pri) {
    yield 'Page Request Interface (PRI)';
    yield `\tPRICtl: ${flags(pri.CTRL, { Enable: 'ENABLE', Reset: 'RESET' })}`;
    yield `\tPRISta: ${flags(pri.STATUS, { RF: 'RESPONSE_FAILURE', UPRGI: 'UNEXPECTED_GROUP', Stopped: 'STOPPED', PASID: 'PASID' })}`;
    yield `\tPage Request Capacity: ${hex(pri.CAPACITY, 8)}, Page Request Allocation: ${hex(pri.ALLOCATION, 8)}`;
  },
});

export const PASID = extended({
  name: 'PASID',
  id: 0x1b,
  title: 'Process Address Space ID',
  ref: 'PCI Express Base 6.0, 7.8.9',
  registers: {
    CAP: r16(0x04, { WIDTH: [12, 8], PRIVILEGED: 2, EXECUTE: 1 }, 'ro'),
    CTRL: r16(0x06, { PRIVILEGED: 2, EXECUTE: 1, ENABLE: 0 }),
  },
  block: [0x04, 4],
  *text(pasid) {
    const modes = { Exec: 'EXECUTE', Priv: 'PRIVILEGED' } as const;
    yield 'Process Address Space ID (PASID)';
    yield `\tPASIDCap: ${flags(pasid.CAP, modes)}, Max PASID Width: ${hex(pasid.CAP.WIDTH, 2)}`;
    yield `\tPASIDCtl: ${flags(pasid.CTRL, { Enable: 'ENABLE', ...modes })}`;
  },
});

export const SRIOV = extended({
  name: 'SRIOV',
  id: 0x10,
  title: 'Single Root I/O Virtualization',
  ref: 'PCI Express Base 6.0, 9.3.3',
  registers: {
    CAP: r32(0x04, { INTERRUPT_MESSAGE: [31, 21], TAG10: 2, ARI_PRESERVED: 1, MIGRATION: 0 }, 'ro'),
    CTRL: r16(0x08, { TAG10: 5, ARI: 4, MEMORY: 3, MIGRATION_INTERRUPT: 2, MIGRATION: 1, ENABLE: 0 }),
    STATUS: r16(0x0a, { MIGRATION: 0 }, 'w1c'),
    INITIAL_VFS: r16(0x0c, {}, 'ro'),
    TOTAL_VFS: r16(0x0e, {}, 'ro'),
    NUM_VFS: r16(0x10, {}),
    FUNCTION_LINK: r8(0x12, {}, 'ro'),
    OFFSET: r16(0x14, {}, 'ro'),
    STRIDE: r16(0x16, {}, 'ro'),
    DEVICE_ID: r16(0x1a, {}, 'ro'),
    SUPPORTED_PAGES: r32(0x1c, {}, 'ro'),
    SYSTEM_PAGES: r32(0x20, {}),
    BAR: r32(0x24, {}, { count: 6 }),
    MIGRATION: r32(0x3c, { OFFSET: [31, 3, { unit: '8 bytes' }], BIR: [2, 0] }, 'ro'),
  },
  block: [0x04, 0x3c],
  *text(sriov) {
    yield 'Single Root I/O Virtualization (SR-IOV)';
    const { CAP, CTRL, STATUS } = sriov;
    yield `\tIOVCap:\t${flags(CAP, { Migration: 'MIGRATION', '10BitTagReq': 'TAG10' })} IntMsgNum ${CAP.INTERRUPT_MESSAGE}`;
    yield `\tIOVCtl:\t${flags(CTRL, { Enable: 'ENABLE', Migration: 'MIGRATION', Interrupt: 'MIGRATION_INTERRUPT', MSE: 'MEMORY', ARIHierarchy: 'ARI', '10BitTagReq': 'TAG10' })}`;
    yield `\tIOVSta:\tMigration${sign(STATUS.MIGRATION)}`;
    yield `\tInitial VFs: ${sriov.INITIAL_VFS}, Total VFs: ${sriov.TOTAL_VFS}, Number of VFs: ${sriov.NUM_VFS}, Function Dependency Link: ${hex(sriov.FUNCTION_LINK, 2)}`;
    yield `\tVF offset: ${sriov.OFFSET}, stride: ${sriov.STRIDE}, Device ID: ${hex(sriov.DEVICE_ID, 4)}`;
    yield `\tSupported Page Size: ${hex(sriov.SUPPORTED_PAGES, 8)}, System Page Size: ${hex(sriov.SYSTEM_PAGES, 8)}`;
    const { MIGRATION } = sriov;
    yield* regions([...sriov.BAR, MIGRATION.raw]);
    yield `\tVF Migration: offset: ${hex(MIGRATION.OFFSET * 8, 8)}, BIR: ${MIGRATION.BIR}`;
  },
});

/** The words behind the last BAR too, which lspci takes for its upper half. */
function* regions(words: readonly number[]): Generator<string> {
  for (let index = 0; index < 6; index += 1) {
    const word = words[index] ?? 0;
    if (word === 0 || word === 0xffff_ffff) continue;
    const at = index;
    const wide = (word & 6) === 4;
    const high = wide ? (words[++index] ?? 0) : 0;
    const low = (word & ~0xf) >>> 0;
    const address = `${wide ? hex(high, 8) : ''}${hex(low, 8)}`;
    yield `\tRegion ${at}: Memory at ${address} (${word & 6 ? 64 : 32}-bit, ${word & 8 ? '' : 'non-'}prefetchable)`;
  }
}
