/** PCI Express: the capability, in lspci's words. Which lines there are depends on the port's type. Ref: PCI Express Base 6.0, 7.5.3 */
import { type Bar, bars } from './bars.js';
import { type Capability, holds, standard } from './capability.js';
import { EXPRESS_REGISTERS } from './express.js';
import { findLastStandard } from './pointers.js';
import { fits, isFirstFunction, type Space, wordAt } from './space.js';
import { flags, hex, named, sign } from './words.js';

type Express = Capability<typeof EXPRESS_REGISTERS>;

/** DEVCAP and what follows it, DEVCAP2 and what follows it: each shown when all that lspci may show of it is there. */
const FIRST = 0x04;
const SECOND = 0x24;

const ENDPOINT = 0;
const LEGACY = 1;
const ROOT_PORT = 4;
const UPSTREAM = 5;
const DOWNSTREAM = 6;
const TO_PCI = 7;
const FROM_PCI = 8;
const INTEGRATED = 9;
const EVENT_COLLECTOR = 10;
const SLOTTED = [ROOT_PORT, DOWNSTREAM, FROM_PCI];

export const EXP = standard({
  name: 'EXP',
  id: 0x10,
  title: 'PCI Express',
  ref: 'PCI Express Base 6.0, 7.5.3',
  registers: EXPRESS_REGISTERS,
  shape({ CAP }) {
    if (CAP.VERSION >= 2) return {};
    const type = (CAP.raw >> 4) & 0xf;
    const root = type === ROOT_PORT || type === EVENT_COLLECTOR;
    const absent = {
      ...(type === INTEGRATED || type === EVENT_COLLECTOR
        ? ({ LNKCAP: false, LNKCTL: false, LNKSTA: false } as const)
        : {}),
      ...(SLOTTED.includes(type) ? {} : ({ SLTCAP: false, SLTCTL: false, SLTSTA: false } as const)),
      ...(root ? {} : ({ ROOTCTL: false, ROOTCAP: false, ROOTSTA: false } as const)),
      DEVCAP2: false,
      DEVCTL2: false,
      DEVSTA2: false,
      SLTCAP2: false,
      SLTCTL2: false,
      SLTSTA2: false,
    } as const;
    return { ...absent, LNKCAP2: false, LNKCTL2: false, LNKSTA2: false };
  },
  *text(express, space) {
    const { CAP } = express;
    const type = typeOf(express);
    const name = named(CAP.TYPE, `Unknown type ${type}`);
    const slotted = SLOTTED.includes(type);
    const flit = CAP.FLIT ? ', FLIT Mode Supported' : '';
    yield `Express (v${CAP.VERSION}) ${name}${slotted ? ` (Slot${sign(CAP.SLOT)})` : ''}, IntMsgNum ${CAP.INTERRUPT_MESSAGE}${flit}`;
    const rooted = type === ROOT_PORT || type === EVENT_COLLECTOR;
    const slots = slotted && CAP.SLOT === 1;
    if (!holds(space, express, FIRST, rooted ? 32 : slots ? 24 : 16)) return;
    yield* device(express, type);
    const linked = type !== INTEGRATED && type !== EVENT_COLLECTOR;
    if (linked) yield* link(express, type);
    if (slots) yield* slot(express);
    if (rooted) yield* root(express);
    if (CAP.VERSION < 2 || !holds(space, express, SECOND, slots ? 24 : 16)) return;
    yield* device2(express, type, hasMemory(space));
    if (linked) yield* link2(express, type, space);
  },
});

const typeOf = ({ CAP }: Express): number => (CAP.raw >> 4) & 0xf;

function* device({ DEVCAP, DEVCTL, DEVSTA }: Express, type: number): Generator<string> {
  const behindLink = type === ENDPOINT || type === LEGACY;
  const latency = behindLink ? `, Latency L0s ${DEVCAP.L0S_LATENCY}, L1 ${DEVCAP.L1_LATENCY}` : '';
  yield `\tDevCap:\tMaxPayload ${DEVCAP.PAYLOAD}, PhantFunc ${(1 << DEVCAP.PHANTOM) - 1}${latency}`;
  const pluggable = behindLink || type === UPSTREAM || type === TO_PCI;
  const resettable = behindLink || type === INTEGRATED;
  yield `\t\t${[
    `ExtTag${sign(DEVCAP.EXTENDED_TAG)}`,
    ...(pluggable
      ? [flags(DEVCAP, { AttnBtn: 'ATTENTION_BUTTON', AttnInd: 'ATTENTION_INDICATOR', PwrInd: 'POWER_INDICATOR' })]
      : []),
    `RBE${sign(DEVCAP.ROLE_BASED_ERRORS)}`,
    ...(resettable ? [`FLReset${sign(DEVCAP.FLR)}`] : []),
    ...(pluggable && type !== LEGACY ? [`SlotPowerLimit ${power(DEVCAP.SLOT_POWER, DEVCAP.SLOT_POWER_SCALE)}`] : []),
    `TEE-IO${sign(DEVCAP.TEE_IO)}`,
  ].join(' ')}`;
  const errors = {
    CorrErr: 'CORRECTABLE',
    NonFatalErr: 'NON_FATAL',
    FatalErr: 'FATAL',
    UnsupReq: 'UNSUPPORTED',
  } as const;
  yield `\tDevCtl:\t${flags(DEVCTL, errors)}`;
  const last =
    type === TO_PCI ? ` BrConfRtry${sign(DEVCTL.FLR)}` : resettable && DEVCAP.FLR ? ` FLReset${sign(DEVCTL.FLR)}` : '';
  yield `\t\t${flags(DEVCTL, { RlxdOrd: 'RELAXED_ORDERING', ExtTag: 'EXTENDED_TAG', PhantFunc: 'PHANTOM', AuxPwr: 'AUX_POWER', NoSnoop: 'NO_SNOOP' })}${last}`;
  yield `\t\tMaxPayload ${DEVCTL.PAYLOAD}, MaxReadReq ${DEVCTL.READ_REQUEST}`;
  yield `\tDevSta:\t${flags(DEVSTA, { ...errors, AuxPwr: 'AUX_POWER', TransPend: 'TRANSACTIONS_PENDING' })}`;
}

/** In watts. From 0xf0 on the unscaled values are steps of 25 W from 250 W. */
function power(value: number, scale: number): string {
  if (scale === 0 && value >= 0xf0) return value === 0xff ? '>600W' : `${250 + (value - 0xf0) * 25}W`;
  return `${Number((value / 10 ** scale).toFixed(3))}W`;
}

const speedText = (speed: number | string): string => named(speed, 'unknown');

function* link({ LNKCAP, LNKCTL, LNKSTA }: Express, type: number): Generator<string> {
  const aspm = (LNKCAP.raw >> 10) & 3;
  const exits = [...(aspm & 1 ? [`L0s ${LNKCAP.L0S_EXIT}`] : []), ...(aspm & 2 ? [`L1 ${LNKCAP.L1_EXIT}`] : [])];
  const exit = exits.length === 0 ? '' : `, Exit Latency ${exits.join(', ')}`;
  yield `\tLnkCap:\tPort #${LNKCAP.PORT}, Speed ${speedText(LNKCAP.SPEED)}, Width x${LNKCAP.WIDTH}, ASPM ${LNKCAP.ASPM}${exit}`;
  yield `\t\t${flags(LNKCAP, { ClockPM: 'CLOCK_PM', Surprise: 'SURPRISE_DOWN', LLActRep: 'DL_ACTIVE_REPORTING', BwNot: 'BANDWIDTH_NOTIFICATION', ASPMOptComp: 'ASPM_OPTIONAL' })}`;
  const rcb = [ROOT_PORT, ENDPOINT, LEGACY, TO_PCI].includes(type) ? ` RCB ${LNKCTL.RCB},` : '';
  yield `\tLnkCtl:\tASPM ${LNKCTL.ASPM};${rcb} ${flags(LNKCTL, { LnkDisable: 'DISABLE', CommClk: 'COMMON_CLOCK' })}`;
  yield `\t\t${flags(LNKCTL, { ExtSynch: 'EXTENDED_SYNCH', ClockPM: 'CLOCK_PM', AutWidDis: 'AUTONOMOUS_WIDTH_DISABLE', BWInt: 'BANDWIDTH_INTERRUPT', AutBWInt: 'AUTONOMOUS_BANDWIDTH_INTERRUPT', FltModeDis: 'FLIT_DISABLE' })}`;
  const speed = compare(LNKCAP.raw & 0xf, LNKSTA.raw & 0xf, type);
  const width = compare(LNKCAP.WIDTH, LNKSTA.WIDTH, type);
  yield `\tLnkSta:\tSpeed ${speedText(LNKSTA.SPEED)}${speed}, Width x${LNKSTA.WIDTH}${width}`;
  yield `\t\t${flags(LNKSTA, { TrErr: 'TRAINING_ERROR', Train: 'TRAINING', SlotClk: 'SLOT_CLOCK', DLActive: 'DL_ACTIVE', BWMgmt: 'BANDWIDTH_MANAGEMENT', ABWMgmt: 'AUTONOMOUS_BANDWIDTH' })}`;
}

/** Ports with a slot below them are not blamed for the card in it. */
function compare(capable: number, actual: number, type: number): string {
  if (actual > capable) return ' (overdriven)';
  return actual === capable || [ROOT_PORT, DOWNSTREAM, FROM_PCI].includes(type) ? '' : ' (downgraded)';
}

function* slot({ SLTCAP, SLTCTL, SLTSTA }: Express): Generator<string> {
  yield `\tSltCap:\t${flags(SLTCAP, { AttnBtn: 'ATTENTION_BUTTON', PwrCtrl: 'POWER_CONTROLLER', MRL: 'MRL_SENSOR', AttnInd: 'ATTENTION_INDICATOR', PwrInd: 'POWER_INDICATOR', HotPlug: 'HOT_PLUG', Surprise: 'SURPRISE' })}`;
  yield `\t\tSlot #${SLTCAP.SLOT}, PowerLimit ${power(SLTCAP.POWER, SLTCAP.POWER_SCALE)}; ${flags(SLTCAP, { Interlock: 'INTERLOCK', NoCompl: 'NO_COMMAND_COMPLETED' })}`;
  yield `\tSltCtl:\tEnable: ${flags(SLTCTL, { AttnBtn: 'ATTENTION_BUTTON', PwrFlt: 'POWER_FAULT', MRL: 'MRL', PresDet: 'PRESENCE', CmdCplt: 'COMMAND_COMPLETED', HPIrq: 'HOT_PLUG_INTERRUPT', LinkChg: 'LINK_CHANGED' })}`;
  yield `\t\tControl: AttnInd ${SLTCTL.ATTENTION_INDICATOR}, PwrInd ${SLTCTL.POWER_INDICATOR}, ${flags(SLTCTL, { Power: 'POWER', Interlock: 'INTERLOCK' })}`;
  yield `\tSltSta:\tStatus: ${flags(SLTSTA, { AttnBtn: 'ATTENTION_BUTTON', PowerFlt: 'POWER_FAULT', MRL: 'MRL', CmdCplt: 'COMMAND_COMPLETED', PresDet: 'PRESENCE', Interlock: 'INTERLOCK' })}`;
  yield `\t\tChanged: ${flags(SLTSTA, { MRL: 'MRL_CHANGED', PresDet: 'PRESENCE_CHANGED', LinkState: 'LINK_CHANGED' })}`;
}

function* root({ ROOTCTL, ROOTCAP, ROOTSTA }: Express): Generator<string> {
  yield `\tRootCap: CRSVisible${sign(ROOTCAP.CRS_VISIBLE)}`;
  yield `\tRootCtl: ${flags(ROOTCTL, { ErrCorrectable: 'CORRECTABLE', 'ErrNon-Fatal': 'NON_FATAL', ErrFatal: 'FATAL', PMEIntEna: 'PME_INTERRUPT', CRSVisible: 'CRS_VISIBLE' })}`;
  yield `\tRootSta: PME ReqID ${hex(ROOTSTA.PME_REQUESTER, 4)}, ${flags(ROOTSTA, { PMEStatus: 'PME', PMEPending: 'PME_PENDING' })}`;
}

const TPH = ['TPHComp- ExtTPHComp-', 'TPHComp+ ExtTPHComp-', '', 'TPHComp+ ExtTPHComp+'];

const BAR_COUNTS: readonly number[] = [6, 2, 1];

function hasMemory(space: Space): boolean {
  const count = BAR_COUNTS[wordAt(space, 0x0e, 8) & 0x7f] ?? 0;
  // A 64-bit BAR in the last place has no upper half: lspci does not count it.
  const whole = ({ index, type }: Bar) => type !== '64-bit' || index < count - 1;
  return bars(space, count).some((bar) => bar.kind === 'memory' && !bar.upperHalf && whole(bar));
}

function* device2({ DEVCAP2, DEVCTL2 }: Express, type: number, completes: boolean): Generator<string> {
  const isSwitch = type === UPSTREAM || type === DOWNSTREAM;
  const forwards = type === ROOT_PORT || type === DOWNSTREAM;
  yield `\tDevCap2: Completion Timeout: ${named(DEVCAP2.TIMEOUT_RANGES, 'Unknown')}, ${flags(DEVCAP2, { TimeoutDis: 'TIMEOUT_DISABLE', NROPrPrP: 'NO_RELAXED_PASSING', LTR: 'LTR' })}`;
  const prefixes = DEVCAP2.END_END_PREFIX ? `, MaxEETLPPrefixes ${DEVCAP2.END_END_PREFIXES || 4}` : '';
  yield `\t\t ${flags(DEVCAP2, { '10BitTagComp': 'TAG10_COMPLETER', '10BitTagReq': 'TAG10_REQUESTER' })} OBFF ${DEVCAP2.OBFF}, ${flags(DEVCAP2, { ExtFmt: 'EXTENDED_FMT', EETLPPrefix: 'END_END_PREFIX' })}${prefixes}`;
  yield `\t\t EmergencyPowerReduction ${DEVCAP2.EMERGENCY_POWER}, EmergencyPowerReductionInit${sign(DEVCAP2.EMERGENCY_POWER_INIT)}`;
  const lines = type === ROOT_PORT ? ` LN System CLS ${DEVCAP2.LN_SYSTEM},` : '';
  const tph = type === ROOT_PORT || type === ENDPOINT ? ` ${TPH[DEVCAP2.TPH]}` : '';
  yield `\t\t FRS${sign(DEVCAP2.FRS)}${lines}${tph}${forwards ? ` ARIFwd${sign(DEVCAP2.ARI)}` : ''}`;
  const widths = { '32bit': 'ATOMIC_32', '64bit': 'ATOMIC_64', '128bitCAS': 'ATOMIC_128' } as const;
  const capable = [
    ...(type === ROOT_PORT || isSwitch ? [`Routing${sign(DEVCAP2.ATOMIC_ROUTING)}`] : []),
    ...(type === ROOT_PORT || completes ? [flags(DEVCAP2, widths)] : []),
  ];
  if (capable.length > 0) yield `\t\t AtomicOpsCap: ${capable.join(' ')}`;
  yield `\tDevCtl2: Completion Timeout: ${named(DEVCTL2.TIMEOUT, 'Unknown')}, TimeoutDis${sign(DEVCTL2.TIMEOUT_DISABLE)}${forwards ? ` ARIFwd${sign(DEVCTL2.ARI)}` : ''}`;
  const requests = [ENDPOINT, LEGACY, ROOT_PORT, INTEGRATED].includes(type);
  const atomics = [
    ...(requests ? [`ReqEn${sign(DEVCTL2.ATOMIC_REQUESTER)}`] : []),
    ...(type === ROOT_PORT || isSwitch ? [`EgressBlck${sign(DEVCTL2.ATOMIC_EGRESS_BLOCK)}`] : []),
  ];
  if (atomics.length > 0) yield `\t\t AtomicOpsCtl: ${atomics.join(' ')}`;
  yield `\t\t ${flags(DEVCTL2, { IDOReq: 'IDO_REQUEST', IDOCompl: 'IDO_COMPLETION', LTR: 'LTR', EmergencyPowerReductionReq: 'EMERGENCY_POWER' })}`;
  yield `\t\t 10BitTagReq${sign(DEVCTL2.TAG10_REQUESTER)} OBFF ${DEVCTL2.OBFF}, EETLPPrefixBlk${sign(DEVCTL2.END_END_PREFIX_BLOCK)}`;
}

const MAXIMA = ['2.5GT/s', '2.5-5GT/s', '2.5-8GT/s', '2.5-16GT/s', '2.5-32GT/s', '2.5-64GT/s', '2.5-128GT/s'];
const PRESENCE = [
  'Link Down - Not Determined',
  'Link Down - Not Present',
  'Link Down - Present',
  'Reserved',
  'Link Up - Present',
  'Link Up - Present and DRS Received',
];
const LOW_MARGIN = '200-400mV(full-swing)/100-200mV(half-swing)';
const MARGINS = [
  'Normal Operating Range',
  '800-1200mV(full-swing)/400-700mV(half-swing)',
  ...[LOW_MARGIN, LOW_MARGIN, LOW_MARGIN, LOW_MARGIN],
];

function* link2({ LNKCAP2, LNKCTL2, LNKSTA2 }: Express, type: number, space: Space): Generator<string> {
  const behindLink = type === ENDPOINT || type === LEGACY;
  // Of a multi-function endpoint, the first function's registers rule the link.
  if (!behindLink || isFirstFunction(space)) {
    if (LNKCAP2.raw !== 0) {
      const speeds = MAXIMA[31 - Math.clz32(LNKCAP2.SPEEDS)] ?? 'Unknown';
      yield `\tLnkCap2: Supported Link Speeds: ${speeds}, ${flags(LNKCAP2, { Crosslink: 'CROSSLINK', Retimer: 'RETIMER', '2Retimers': 'RETIMER2', DRS: 'DRS' })}`;
    }
    const deemphasis = type === DOWNSTREAM ? `, Selectable De-emphasis: ${LNKCTL2.SELECTABLE_DEEMPHASIS}` : '';
    yield `\tLnkCtl2: Target Link Speed: ${LNKCTL2.SPEED === 0 ? '2.5GT/s' : named(LNKCTL2.SPEED, 'Unknown')}, ${flags(LNKCTL2, { EnterCompliance: 'ENTER_COMPLIANCE', SpeedDis: 'SPEED_DISABLE' })}${deemphasis}`;
    yield `\t\t Transmit Margin: ${MARGINS[LNKCTL2.MARGIN] ?? 'Unknown'}, ${flags(LNKCTL2, { EnterModifiedCompliance: 'MODIFIED_COMPLIANCE', ComplianceSOS: 'COMPLIANCE_SOS' })}`;
    yield `\t\t Compliance Preset/De-emphasis: ${named(LNKCTL2.PRESET, 'Unknown')}`;
  }
  yield `\tLnkSta2: Current De-emphasis Level: ${LNKSTA2.DEEMPHASIS}, ${flags(LNKSTA2, { EqualizationComplete: 'EQUALIZATION_COMPLETE', EqualizationPhase1: 'PHASE1' })}`;
  yield `\t\t ${flags(LNKSTA2, { EqualizationPhase2: 'PHASE2', EqualizationPhase3: 'PHASE3', LinkEqualizationRequest: 'EQUALIZATION_REQUEST' })}`;
  const drs = [ROOT_PORT, DOWNSTREAM, FROM_PCI].includes(type) && LNKCAP2.DRS;
  yield `\t\t ${flags(LNKSTA2, { Retimer: 'RETIMER', '2Retimers': 'RETIMER2' })} CrosslinkRes: ${LNKSTA2.CROSSLINK}, FltMode${sign(LNKSTA2.FLIT)}${drs ? `, DRS${sign(LNKSTA2.DRS_RECEIVED)}` : ''}`;
  if (drs) yield `\t\t DownstreamComp: ${PRESENCE[LNKSTA2.DOWNSTREAM] ?? 'Reserved'}`;
}

/** Root ports and event collectors have the root's registers, here and in AER. */
export const isRootOrCollector = (space: Space): boolean => [ROOT_PORT, EVENT_COLLECTOR].includes(portTypeOf(space));

/** Root ports and the ports of switches route for others. */
export const isRoutingPort = (space: Space): boolean => [ROOT_PORT, UPSTREAM, DOWNSTREAM].includes(portTypeOf(space));

/** An endpoint behind a link or in the root complex; not the legacy kind. */
export const isEndpoint = (space: Space): boolean => [ENDPOINT, INTEGRATED].includes(portTypeOf(space));

/** -1 where there is no PCI Express. Of several, lspci goes by the last. */
function portTypeOf(space: Space): number {
  const offset = findLastStandard(space, EXP.id);
  return offset === undefined || !fits(space, offset, 4) ? -1 : (wordAt(space, offset + 2, 16) >> 4) & 0xf;
}

const LINK_CAPABILITIES = 0x0c;
const MOST_LANES = 32;

/** How many lanes the link may have; 0 where nothing tells. */
export function linkWidth(space: Space): number {
  const offset = findLastStandard(space, EXP.id);
  if (offset === undefined || !fits(space, offset + LINK_CAPABILITIES, 4)) return 0;
  return Math.min(MOST_LANES, (wordAt(space, offset + LINK_CAPABILITIES, 32) >> 4) & 0x3f);
}
