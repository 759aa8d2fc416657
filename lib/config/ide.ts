/** Integrity and Data Encryption: streams of a link, and selective ones with the addresses they are for. Ref: PCI Express Base 6.1, 7.9.26 */
import { r32 } from '../map.js';
import { type Capability, extended, holds, type Shape } from './capability.js';
import { fits, type Space, wordAt } from './space.js';
import { codes, flags, hex, named, sign } from './words.js';

const ALGORITHM = { 'AES-GCM-256-96b': 0 };
const AGGREGATION = codes('-', '=2', '=4', '=8');
const HEADERS = codes('no', '17:2', '25:2', '33:2', '41:2');
const STATE = codes('insecure', 'reserved', 'secure');
const CONTROL = {
  STREAM: [31, 24],
  TC: [21, 19],
  ALGORITHM: [18, 14, ALGORITHM],
  HEADERS: [13, 10, HEADERS],
  PCRC: 8,
  COMPLETION: [7, 6, AGGREGATION],
  POSTED: [5, 4, AGGREGATION],
  NON_POSTED: [3, 2, AGGREGATION],
  XT: 1,
  ENABLE: 0,
} as const;
const STATUS = { CHECK_FAILED: [31, 31, 'w1c'], STATE: [3, 0, 'ro', STATE] } as const;

const LINKS = 0x0c;
const LINK_SIZE = 8;
const MOST_LINKS = 8;
const MOST_SELECTIVE = 256;
const SELECTIVE_SIZE = 20;
const BLOCK_SIZE = 12;
const MOST_BLOCKS = 340;
const MIB = { unit: '1 MiB' } as const;
const selective = { count: MOST_SELECTIVE, stride: SELECTIVE_SIZE } as const;
const blocks = { count: MOST_BLOCKS, stride: BLOCK_SIZE } as const;

const REGISTERS = {
  CAP: r32(
    0x04,
    {
      XT: 25,
      TEE_LIMITED: 24,
      SELECTIVE_LAST: [23, 16],
      TC_LAST: [15, 13],
      ALGORITHM: [12, 8, ALGORITHM],
      SELECTIVE_CONFIG: 7,
      KEY_MANAGEMENT: 6,
      PCRC: 5,
      AGGREGATION: 4,
      PARTIAL_HEADERS: 3,
      FLOW_THROUGH: 2,
      SELECTIVE: 1,
      LINK: 0,
    },
    'ro',
  ),
  CTRL: r32(0x08, { FLOW_THROUGH: 2 }),
  /** One for each traffic class. */
  LINK_CTRL: r32(LINKS, CONTROL, { count: MOST_LINKS, stride: LINK_SIZE }),
  LINK_STATUS: r32(LINKS + 4, STATUS, { access: 'w1c', errors: true, count: MOST_LINKS, stride: LINK_SIZE }),
  /** BLOCKS: how many of the address blocks below are this stream's. */
  SELECTIVE_CAP: r32(LINKS, { BLOCKS: [3, 0] }, { access: 'ro', ...selective }),
  SELECTIVE_CTRL: r32(LINKS + 4, { ...CONTROL, TEE_LIMITED: 23, DEFAULT: 22, CONFIG: 9 }, selective),
  SELECTIVE_STATUS: r32(LINKS + 8, STATUS, { access: 'w1c', errors: true, ...selective }),
  RID1: r32(LINKS + 12, { LIMIT: [23, 8] }, selective),
  RID2: r32(LINKS + 16, { SEGMENT: [31, 24], BASE: [23, 8], VALID: 0 }, selective),
  ADDRESS1: r32(LINKS + 20, { LIMIT: [31, 20, MIB], BASE: [19, 8, MIB], VALID: 0 }, blocks),
  LIMIT_HIGH: r32(LINKS + 24, {}, blocks),
  BASE_HIGH: r32(LINKS + 28, {}, blocks),
};
type Ide = Capability<typeof REGISTERS>;

const linkCount = ({ CAP }: Ide): number => (CAP.LINK ? CAP.TC_LAST + 1 : 0);
const selectiveCount = ({ CAP }: Ide): number => (CAP.SELECTIVE ? CAP.SELECTIVE_LAST + 1 : 0);

/** Where each selective stream is, behind the ones before it and their blocks. */
function* streams(ide: Ide, space: Space): Generator<{ readonly at: number; readonly count: number }> {
  let at = LINKS + linkCount(ide) * LINK_SIZE;
  for (let index = 0; index < selectiveCount(ide) && fits(space, ide.offset + at, 4); index += 1) {
    const count = wordAt(space, ide.offset + at, 32) & 0xf;
    yield { at, count };
    at += SELECTIVE_SIZE + count * BLOCK_SIZE;
  }
}

function shape(ide: Ide, space: Space): Shape<typeof REGISTERS> {
  const found = [...streams(ide, space)];
  const from = (places: readonly number[], offset: number) => ({ offsets: places.map((at) => at + offset) });
  const starts = found.map(({ at }) => at);
  const each = found.flatMap(({ at, count }) =>
    Array.from({ length: count }, (_, index) => at + SELECTIVE_SIZE + index * BLOCK_SIZE),
  );
  const links = { count: linkCount(ide) };
  return {
    ...{ LINK_CTRL: links, LINK_STATUS: links },
    ...{ SELECTIVE_CAP: from(starts, 0), SELECTIVE_CTRL: from(starts, 4), SELECTIVE_STATUS: from(starts, 8) },
    ...{ RID1: from(starts, 12), RID2: from(starts, 16) },
    ...{ ADDRESS1: from(each, 0), LIMIT_HIGH: from(each, 4), BASE_HIGH: from(each, 8) },
  };
}

const algorithm = (value: number | string): string => named(value, 'reserved');
const headers = (value: number | string): string => named(value, `??${value}`);

export const IDE = extended({
  name: 'IDE',
  id: 0x30,
  title: 'Integrity & Data Encryption',
  ref: 'PCI Express Base 6.1, 7.9.26',
  registers: REGISTERS,
  shape,
  block: [0x04, 8],
  unreadable: true,
  *text(ide, space) {
    yield 'Integrity & Data Encryption';
    const { CAP, CTRL } = ide;
    const [links, selected] = [linkCount(ide), selectiveCount(ide)];
    const abilities = flags(CAP, {
      FlowThru: 'FLOW_THROUGH',
      PartHdr: 'PARTIAL_HEADERS',
      Aggr: 'AGGREGATION',
      PCPC: 'PCRC',
      IDE_KM: 'KEY_MANAGEMENT',
      SelCfg: 'SELECTIVE_CONFIG',
    });
    yield `\tIDECap: Lnk=${links} Sel=${selected} ${abilities} Alg='${algorithm(CAP.ALGORITHM)}' TCs=${CAP.TC_LAST + 1} ${flags(CAP, { TeeLim: 'TEE_LIMITED', XT: 'XT' })}`;
    yield `\tIDECtl: FTEn${sign(CTRL.FLOW_THROUGH)}`;
    if (!holds(space, ide, LINKS, links * LINK_SIZE)) {
      yield '\t<unreadable>';
      return;
    }
    for (let index = 0; index < links; index += 1) yield* linkLines(ide, index);
    let block = 0;
    let seen = 0;
    for (const { at, count } of streams(ide, space)) {
      if (!holds(space, ide, at, SELECTIVE_SIZE)) break;
      yield* selectiveLines(ide, seen, at);
      if (!holds(space, ide, at + SELECTIVE_SIZE, count * BLOCK_SIZE)) break;
      for (let index = 0; index < count; index += 1) {
        yield blockLine(ide, seen, index, block, at + SELECTIVE_SIZE + index * BLOCK_SIZE);
        block += 1;
      }
      seen += 1;
    }
    if (seen < selected) yield '\t<unreadable>';
  },
});

const label = (ide: Ide, at: number): string => `\t[${hex(ide.offset + at)}]`;

function controlText(control: Ide['LINK_CTRL'][number] | Ide['SELECTIVE_CTRL'][number], between: string): string {
  const aggregation = `NPR${control.NON_POSTED} PR${control.POSTED} CPL${control.COMPLETION}`;
  const code = `HdrEnc=${headers(control.HEADERS)} Alg='${algorithm(control.ALGORITHM)}' TC${control.TC}`;
  return `${flags(control, { En: 'ENABLE', XT: 'XT' })} ${aggregation} ${between} ${code}`;
}

function* linkLines(ide: Ide, index: number): Generator<string> {
  const [control, status] = [ide.LINK_CTRL[index], ide.LINK_STATUS[index]];
  if (control === undefined || status === undefined) return;
  const at = LINKS + index * LINK_SIZE;
  // lspci has ENABLE for PCRC.
  yield `${label(ide, at)}LinkIDE#${index} Ctl: ${controlText(control, `PCRC${sign(control.ENABLE)}`)} ID${control.STREAM}`;
  yield `${label(ide, at + 4)}LinkIDE#${index} Sta: Status=${headers(status.STATE)} RecvChkFail${sign(status.CHECK_FAILED)}`;
}

function* selectiveLines(ide: Ide, index: number, at: number): Generator<string> {
  const [cap, control, status] = [ide.SELECTIVE_CAP[index], ide.SELECTIVE_CTRL[index], ide.SELECTIVE_STATUS[index]];
  const [rid1, rid2] = [ide.RID1[index], ide.RID2[index]];
  if (cap === undefined || control === undefined || status === undefined) return;
  if (rid1 === undefined || rid2 === undefined) return;
  const name = `SelectiveIDE#${index}`;
  yield `${label(ide, at)}${name} Cap: RID#=${cap.BLOCKS}`;
  const bits = flags(control, { PCRC: 'PCRC', CFG: 'CONFIG' });
  yield `${label(ide, at + 4)}${name} Ctl: ${controlText(control, bits)} TeeLim${sign(control.TEE_LIMITED)} ID${control.STREAM}${control.DEFAULT ? ' Default' : ''}`;
  yield `${label(ide, at + 8)}${name} Sta: ${headers(status.STATE)} RecvChkFail${sign(status.CHECK_FAILED)}`;
  yield `${label(ide, at + 12)}${name} RID: Valid${sign(rid2.VALID)} Base=${hex(rid2.BASE)} Limit=${hex(rid1.LIMIT)} SegBase=${hex(rid2.SEGMENT)}`;
}

function blockLine(ide: Ide, stream: number, index: number, block: number, at: number): string {
  const [first, limitHigh, baseHigh] = [ide.ADDRESS1[block], ide.LIMIT_HIGH[block] ?? 0, ide.BASE_HIGH[block] ?? 0];
  if (first === undefined) return '';
  const limit = (BigInt(limitHigh) << 32n) | (BigInt(first.LIMIT) << 20n) | 0xfffffn;
  const base = (BigInt(baseHigh) << 32n) | (BigInt(first.BASE) << 20n);
  return `${label(ide, at)}SelectiveIDE#${stream} RID#${index}: Valid${sign(first.VALID)} Base=${hex(base)} Limit=${hex(limit)}`;
}
