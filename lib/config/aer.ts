/** Advanced Error Reporting. Ref: PCI Express Base 6.0, 7.8.4 */
import { r16, r32 } from '../map.js';
import { extended, holds } from './capability.js';
import { isRootOrCollector } from './express-text.js';
import { flags, hex } from './words.js';

/** Of STATUS, MASK and SEVERITY alike. */
const UNCORRECTABLE = {
  TRANSLATION_BLOCKED: 31,
  PCRC: 30,
  MISROUTED_IDE: 29,
  IDE_CHECK: 28,
  DMWR_BLOCKED: 27,
  POISON_BLOCKED: 26,
  PREFIX_BLOCKED: 25,
  ATOMIC_BLOCKED: 24,
  MC_BLOCKED: 23,
  INTERNAL: 22,
  ACS_VIOLATION: 21,
  UNSUPPORTED: 20,
  ECRC: 19,
  MALFORMED: 18,
  OVERFLOW: 17,
  UNEXPECTED_COMPLETION: 16,
  COMPLETER_ABORT: 15,
  COMPLETION_TIMEOUT: 14,
  FLOW_CONTROL: 13,
  POISONED: 12,
  SURPRISE_DOWN: 5,
  DATA_LINK: 4,
} as const;
const CORRECTABLE = {
  HEADER_OVERFLOW: 15,
  INTERNAL: 14,
  ADVISORY: 13,
  REPLAY_TIMEOUT: 12,
  REPLAY_ROLLOVER: 8,
  BAD_DLLP: 7,
  BAD_TLP: 6,
  RECEIVER: 0,
} as const;

const UNCORRECTABLE_LINES = [
  {
    DLP: 'DATA_LINK',
    SDES: 'SURPRISE_DOWN',
    TLP: 'POISONED',
    FCP: 'FLOW_CONTROL',
    CmpltTO: 'COMPLETION_TIMEOUT',
    CmpltAbrt: 'COMPLETER_ABORT',
    UnxCmplt: 'UNEXPECTED_COMPLETION',
    RxOF: 'OVERFLOW',
    MalfTLP: 'MALFORMED',
  },
  {
    ECRC: 'ECRC',
    UnsupReq: 'UNSUPPORTED',
    ACSViol: 'ACS_VIOLATION',
    UncorrIntErr: 'INTERNAL',
    BlockedTLP: 'MC_BLOCKED',
    AtomicOpBlocked: 'ATOMIC_BLOCKED',
    TLPBlockedErr: 'PREFIX_BLOCKED',
  },
  {
    PoisonTLPBlocked: 'POISON_BLOCKED',
    DMWrReqBlocked: 'DMWR_BLOCKED',
    IDECheck: 'IDE_CHECK',
    MisIDETLP: 'MISROUTED_IDE',
    PCRC_CHECK: 'PCRC',
    TLPXlatBlocked: 'TRANSLATION_BLOCKED',
  },
] as const;
const CORRECTABLE_LINE = {
  RxErr: 'RECEIVER',
  BadTLP: 'BAD_TLP',
  BadDLLP: 'BAD_DLLP',
  Rollover: 'REPLAY_ROLLOVER',
  Timeout: 'REPLAY_TIMEOUT',
  AdvNonFatalErr: 'ADVISORY',
  CorrIntErr: 'INTERNAL',
  HeaderOF: 'HEADER_OVERFLOW',
} as const;

export const AER = extended({
  name: 'AER',
  id: 0x01,
  title: 'Advanced Error Reporting',
  ref: 'PCI Express Base 6.0, 7.8.4',
  registers: {
    UNCORRECTABLE_STATUS: r32(0x04, UNCORRECTABLE, { access: 'w1c', errors: true }),
    UNCORRECTABLE_MASK: r32(0x08, UNCORRECTABLE),
    UNCORRECTABLE_SEVERITY: r32(0x0c, UNCORRECTABLE),
    CORRECTABLE_STATUS: r32(0x10, CORRECTABLE, { access: 'w1c', errors: true }),
    CORRECTABLE_MASK: r32(0x14, CORRECTABLE),
    CONTROL: r32(0x18, {
      HEADER_LOG_CAPABLE: [12, 12, 'ro'],
      PREFIX_PRESENT: [11, 11, 'ro'],
      MULTIPLE_ENABLE: 10,
      MULTIPLE_CAPABLE: [9, 9, 'ro'],
      ECRC_CHECK_ENABLE: 8,
      ECRC_CHECK_CAPABLE: [7, 7, 'ro'],
      ECRC_GENERATION_ENABLE: 6,
      ECRC_GENERATION_CAPABLE: [5, 5, 'ro'],
      FIRST_ERROR: [4, 0, 'ro'],
    }),
    HEADER_LOG: r32(0x1c, {}, { access: 'ro', count: 4 }),
    ROOT_COMMAND: r32(0x2c, { FATAL: 2, NON_FATAL: 1, CORRECTABLE: 0 }),
    ROOT_STATUS: r32(
      0x30,
      {
        INTERRUPT_MESSAGE: [31, 27, 'ro'],
        FATAL: [6, 6, 'w1c'],
        NON_FATAL: [5, 5, 'w1c'],
        FIRST_FATAL: [4, 4, 'w1c'],
        MULTIPLE_UNCORRECTABLE: [3, 3, 'w1c'],
        UNCORRECTABLE: [2, 2, 'w1c'],
        MULTIPLE_CORRECTABLE: [1, 1, 'w1c'],
        CORRECTABLE: [0, 0, 'w1c'],
      },
      { access: 'w1c', errors: true },
    ),
    CORRECTABLE_SOURCE: r16(0x34, {}, 'ro'),
    UNCORRECTABLE_SOURCE: r16(0x36, {}, 'ro'),
    PREFIX_LOG: r32(0x38, {}, { access: 'ro', count: 4 }),
  },
  block: [0x04, 40],
  *text(aer, space) {
    yield 'Advanced Error Reporting';
    for (const [name, register] of [
      ['UESta', aer.UNCORRECTABLE_STATUS],
      ['UEMsk', aer.UNCORRECTABLE_MASK],
      ['UESvrt', aer.UNCORRECTABLE_SEVERITY],
    ] as const) {
      const [first, ...others] = UNCORRECTABLE_LINES.map((labels) =>
        flags<Record<string, unknown>>({ ...register }, labels),
      );
      yield `\t${name}:\t${first}`;
      for (const line of others) yield `\t\t${line}`;
    }
    yield `\tCESta:\t${flags(aer.CORRECTABLE_STATUS, CORRECTABLE_LINE)}`;
    yield `\tCEMsk:\t${flags(aer.CORRECTABLE_MASK, CORRECTABLE_LINE)}`;
    const { CONTROL } = aer;
    yield `\tAERCap:\tFirst Error Pointer: ${hex(CONTROL.FIRST_ERROR, 2)}, ${flags(CONTROL, { ECRCGenCap: 'ECRC_GENERATION_CAPABLE', ECRCGenEn: 'ECRC_GENERATION_ENABLE', ECRCChkCap: 'ECRC_CHECK_CAPABLE', ECRCChkEn: 'ECRC_CHECK_ENABLE' })}`;
    yield `\t\t${flags(CONTROL, { MultHdrRecCap: 'MULTIPLE_CAPABLE', MultHdrRecEn: 'MULTIPLE_ENABLE', TLPPfxPres: 'PREFIX_PRESENT', HdrLogCap: 'HEADER_LOG_CAPABLE' })}`;
    yield `\tHeaderLog: ${aer.HEADER_LOG.map((word) => hex(word, 8)).join(' ')}`;
    if (!isRootOrCollector(space) || !holds(space, aer, 0x2c, 12)) return;
    const { ROOT_COMMAND, ROOT_STATUS } = aer;
    yield `\tRootCmd: ${flags(ROOT_COMMAND, { CERptEn: 'CORRECTABLE', NFERptEn: 'NON_FATAL', FERptEn: 'FATAL' })}`;
    yield `\tRootSta: ${flags(ROOT_STATUS, { CERcvd: 'CORRECTABLE', MultCERcvd: 'MULTIPLE_CORRECTABLE', UERcvd: 'UNCORRECTABLE', MultUERcvd: 'MULTIPLE_UNCORRECTABLE' })}`;
    yield `\t\t ${flags(ROOT_STATUS, { FirstFatal: 'FIRST_FATAL', NonFatalMsg: 'NON_FATAL', FatalMsg: 'FATAL' })} IntMsgNum ${ROOT_STATUS.INTERRUPT_MESSAGE}`;
    yield `\tErrorSrc: ERR_COR: ${hex(aer.CORRECTABLE_SOURCE, 4)} ERR_FATAL/NONFATAL: ${hex(aer.UNCORRECTABLE_SOURCE, 4)}`;
  },
});
