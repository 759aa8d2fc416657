/** HyperTransport in lspci's words. Ref: HyperTransport I/O Link 3.10, 7 */
import { type Capability, holds, standard } from './capability.js';
import { BLOCKS, HYPERTRANSPORT_REGISTERS, hypertransportShape, kindOf } from './hypertransport.js';
import type { Space } from './space.js';
import { flags, hex, sign } from './words.js';

type HyperTransport = Capability<typeof HYPERTRANSPORT_REGISTERS>;

/** From this revision on there are frequencies, features and error handling. */
const REVISION_1_02 = 0x22;
const REVISION_0_17 = 0x11;
const REVISION_ID = 17;
const MSI_MAPPING = 21;

export const HT = standard({
  name: 'HT',
  id: 0x08,
  title: 'HyperTransport',
  ref: 'HyperTransport I/O Link 3.10, 7',
  registers: HYPERTRANSPORT_REGISTERS,
  shape: hypertransportShape,
  *text(ht, space) {
    const kind = kindOf(ht);
    if (kind === 'block') yield* block(ht, space);
    else if (kind === 'primary') {
      yield 'HyperTransport: Slave or Primary Interface';
      if (holds(space, ht, 0x04, 24)) yield* primary(ht);
    } else {
      yield 'HyperTransport: Host or Secondary Interface';
      if (holds(space, ht, 0x04, 20)) yield* secondary(ht);
    }
  },
});

function* block(ht: HyperTransport, space: Space): Generator<string> {
  const { BLOCK } = ht.COMMAND;
  const { title } = BLOCKS[BLOCK] ?? { title: `#${hex(BLOCK, 2)}` };
  if (BLOCK === REVISION_ID) yield `HyperTransport: ${title}: ${revision(ht.REVISION_ID)}`;
  else if (BLOCK !== MSI_MAPPING) yield `HyperTransport: ${title}`;
  else {
    yield `HyperTransport: ${title} ${flags(ht.MSI, { Enable: 'ENABLE', Fixed: 'FIXED' })}`;
    if (ht.MSI.FIXED || !holds(space, ht, 0x04, 8)) return;
    yield `\tMapping Address Base: ${hex(ht.MSI_ADDRESS_HIGH, 8)}${hex((ht.MSI_ADDRESS.raw & ~0xfffff) >>> 0, 8)}`;
  }
}

const revision = ({ MAJOR, MINOR }: { MAJOR: number; MINOR: number }): string =>
  `${MAJOR}.${String(MINOR).padStart(2, '0')}`;

function* primary(ht: HyperTransport): Generator<string> {
  const { PRIMARY, REVISION } = ht;
  const modern = REVISION.raw >= REVISION_1_02;
  if (!modern && REVISION.raw > REVISION_0_17) yield '\t!!! Possibly incomplete decoding';
  yield `\tCommand: BaseUnitID=${PRIMARY.BASE_UNIT} UnitCnt=${PRIMARY.UNITS} ${flags(PRIMARY, { MastHost: 'MASTER_HOST', DefDir: 'DEFAULT_DIRECTION' })}${modern ? ` DUL${sign(PRIMARY.DROP)}` : ''}`;
  yield* link(ht, 0, ' 0');
  yield* link(ht, 1, ' 1');
  yield `\tRevision ID: ${revision(REVISION)}`;
  if (!modern) return;
  yield* frequency(ht, 0, ' 0');
  yield `\tFeature Capability: ${flags(ht.FEATURES, FEATURES_LINE)}`;
  yield* frequency(ht, 1, ' 1');
  yield* errors(ht);
  yield `\tBus Number: ${hex(ht.BUS, 2)}`;
}

function* secondary(ht: HyperTransport): Generator<string> {
  const { SECONDARY, REVISION, HOST_FEATURES } = ht;
  const modern = REVISION.raw >= REVISION_1_02;
  if (!modern && REVISION.raw > REVISION_0_17) yield '\t!!! Possibly incomplete decoding';
  const more = ` DevNum=${SECONDARY.DEVICE} ${flags(SECONDARY, { ChainSide: 'CHAIN_SIDE', HostHide: 'HOST_HIDE', Slave: 'SLAVE', '<EOCErr': 'END_OF_CHAIN_ERROR', DUL: 'DROP' })}`;
  yield `\tCommand: ${flags(SECONDARY, { WarmRst: 'WARM_RESET', DblEnd: 'DOUBLE_ENDED' })}${modern ? more : ''}`;
  yield* link(ht, 0, '');
  yield `\tRevision ID: ${revision(REVISION)}`;
  if (!modern) return;
  yield* frequency(ht, 0, '');
  yield `\tFeature Capability: ${flags(HOST_FEATURES, { ...FEATURES_LINE, ExtRS: 'EXTENDED', UCnfE: 'UPSTREAM_CONFIG' })}`;
  if (HOST_FEATURES.EXTENDED) yield* errors(ht);
}

const FEATURES_LINE = {
  IsocFC: 'ISOCHRONOUS',
  LDTSTOP: 'LDTSTOP',
  CRCTM: 'CRC_TEST_MODE',
  ECTLT: 'EXTENDED_CTL_REQUIRED',
  '64bA': 'ADDRESS_64',
  UIDRD: 'UNITID_REORDER_DISABLE',
} as const;

function* link(ht: HyperTransport, index: number, label: string): Generator<string> {
  const [control, config] = [ht.LINK_CONTROL[index], ht.LINK_CONFIG[index]];
  if (control === undefined || config === undefined) return;
  const modern = ht.REVISION.raw >= REVISION_1_02;
  const bits = {
    CFlE: 'CRC_FLOOD',
    CST: 'CRC_START_TEST',
    CFE: 'CRC_FORCE_ERROR',
    '<LkFail': 'LINK_FAILURE',
    Init: 'INITIALIZED',
    EOC: 'END_OF_CHAIN',
    TXO: 'TRANSMITTER_OFF',
  } as const;
  const later = {
    IsocEn: 'ISOCHRONOUS',
    LSEn: 'LDTSTOP_TRISTATE',
    ExtCTL: 'EXTENDED_CTL',
    '64b': 'ADDRESS_64',
  } as const;
  yield `\tLink Control${label}: ${flags(control, bits)} <CRCErr=${hex(control.CRC_ERROR)}${modern ? ` ${flags(control, later)}` : ''}`;
  const flow = (name: string, bit: number) => (modern ? ` ${name}${sign(bit)}` : '');
  yield `\tLink Config${label}: ${[
    `MLWI=${config.MAX_WIDTH_IN}${flow('DwFcIn', config.FLOW_IN)}`,
    `MLWO=${config.MAX_WIDTH_OUT}${flow('DwFcOut', config.FLOW_OUT)}`,
    `LWI=${config.WIDTH_IN}${flow('DwFcInEn', config.FLOW_IN_ENABLE)}`,
    `LWO=${config.WIDTH_OUT}${flow('DwFcOutEn', config.FLOW_OUT_ENABLE)}`,
  ].join(' ')}`;
}

function* frequency(ht: HyperTransport, index: number, label: string): Generator<string> {
  const [used, able] = [ht.FREQUENCY[index], ht.FREQUENCIES[index]];
  if (used === undefined || able === undefined) return;
  yield `\tLink Frequency${label}: ${used.FREQUENCY}`;
  yield `\tLink Error${label}: ${flags(used, { '<Prot': 'PROTOCOL', '<Ovfl': 'OVERFLOW', '<EOC': 'END_OF_CHAIN', CTLTm: 'CTL_TIMEOUT' })}`;
  // lspci has one byte of the two, so that what stands in the upper one never shows.
  const low = flags(able, {
    '200MHz': 'MHZ200',
    '300MHz': 'MHZ300',
    '400MHz': 'MHZ400',
    '500MHz': 'MHZ500',
    '600MHz': 'MHZ600',
    '800MHz': 'MHZ800',
    '1.0GHz': 'MHZ1000',
    '1.2GHz': 'MHZ1200',
  });
  yield `\tLink Frequency Capability${label}: ${low} 1.4GHz- 1.6GHz- Vend-`;
}

function* errors({ ERRORS, MEMORY_BASE_HIGH, MEMORY_LIMIT_HIGH }: HyperTransport): Generator<string> {
  const line = {
    PFlE: 'PROTOCOL_FLOOD',
    OFlE: 'OVERFLOW_FLOOD',
    PFE: 'PROTOCOL_FATAL',
    OFE: 'OVERFLOW_FATAL',
    EOCFE: 'END_OF_CHAIN_FATAL',
    RFE: 'RESPONSE_FATAL',
    CRCFE: 'CRC_FATAL',
    SERRFE: 'SERR_FATAL',
    CF: 'CHAIN_FAIL',
    RE: 'RESPONSE',
    PNFE: 'PROTOCOL_NONFATAL',
    ONFE: 'OVERFLOW_NONFATAL',
    EOCNFE: 'END_OF_CHAIN_NONFATAL',
    RNFE: 'RESPONSE_NONFATAL',
    CRCNFE: 'CRC_NONFATAL',
    SERRNFE: 'SERR_NONFATAL',
  } as const;
  yield `\tError Handling: ${flags(ERRORS, line)}`;
  yield `\tPrefetchable memory behind bridge Upper: ${hex(MEMORY_BASE_HIGH, 2)}-${hex(MEMORY_LIMIT_HIGH, 2)}`;
}
