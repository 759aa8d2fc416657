/** CXL's vendor-specific capabilities in lspci's words. Ref: CXL 3.1, 8.1 */
import { BLOCK_NAMES } from './cxl.js';
import type { Dvsec } from './dvsec.js';
import { flags, hex, sign } from './words.js';

/** lspci's lines behind the title, without their indent. */
export function* cxlLines(dvsec: Dvsec): Generator<string> {
  const lines = LINES[dvsec.HEADER2.ID];
  if (lines !== undefined) yield* lines(dvsec);
}

const LINES: Readonly<Record<number, (dvsec: Dvsec) => Generator<string>>> = {
  0: device,
  2: functionMap,
  3: port,
  4: flushPort,
  5: flushDevice,
  7: flexBus,
  8: locator,
  9: multiLogical,
};

const LENGTH = 0x38;
const LENGTH_REVISION2 = 0x3c;
const PROTOCOLS = { Cache: 'CACHE', IO: 'IO', Mem: 'MEM' } as const;

function* device(dvsec: Dvsec): Generator<string> {
  const { REVISION, LENGTH: length } = dvsec.HEADER1;
  if (REVISION === 0) return;
  if (length >= LENGTH) {
    const { CXL_CAP, CXL_CTRL, CXL_STATUS, CXL_CTRL2, CXL_STATUS2 } = dvsec;
    yield `CXLCap:\t${flags(CXL_CAP, { ...PROTOCOLS, MemHWInit: 'MEM_HW_INIT' })} HDMCount ${CXL_CAP.HDM_COUNT} Viral${sign(CXL_CAP.VIRAL)}`;
    yield `CXLCtl:\t${flags(CXL_CTRL, PROTOCOLS)} CacheSFCov ${CXL_CTRL.SNOOP_FILTER_COVERAGE} CacheSFGran ${CXL_CTRL.SNOOP_FILTER_GRANULARITY} ${flags(CXL_CTRL, { CacheClean: 'CACHE_CLEAN_EVICTION', Viral: 'VIRAL' })}`;
    yield `CXLSta:\tViral${sign(CXL_STATUS.VIRAL)}`;
    // lspci takes the numbers of some bits for masks: 3, 4 and 5.
    const masked = (mask: number) => sign((CXL_CTRL2.raw & mask) !== 0);
    const volatile = REVISION >= 2 ? ` DesiredVolatileHDMStateAfterHotReset${masked(5)}` : '';
    yield `CXLCtl2:\tDisableCaching${masked(1)} InitCacheWB&Inval${masked(2)} InitRst${masked(3)} RstMemClrEn${masked(4)}${volatile}`;
    yield `CXLSta2:\t${flags(CXL_STATUS2, { ResetComplete: 'RESET_COMPLETE', ResetError: 'RESET_ERROR', PMComplete: 'PM_INIT_COMPLETE' })}`;
    yield `CXLCap2:\t${cacheSize(dvsec)}`;
    yield* range(dvsec, 0);
    yield* range(dvsec, 1);
  }
  if (REVISION >= 2 && length >= LENGTH_REVISION2) {
    const bits = dvsec.CXL_CAP3.raw;
    const masked = (mask: number) => sign((bits & mask) !== 0);
    yield `CXLCap3:\tDefaultVolatile HDM State After:\tColdReset${masked(1)} WarmReset${masked(2)} HotReset${masked(3)} HotResetConfigurability${masked(4)}`;
  }
  if (length > LENGTH_REVISION2) yield '<?>';
}

function cacheSize({ CXL_CAP2: { CACHE_UNIT: unit, CACHE_SIZE: size } }: Dvsec): string {
  if (unit === 'not reported') return 'Cache Size Not Reported';
  if (typeof unit === 'string') return `Cache Size: ${hex(size * (unit === '1 MB' ? 1 << 20 : 64 << 10), 8)}`;
  return `Cache Size: ${size} of unknown unit size (${unit})`;
}

const INTERLEAVE = [0, 256, 4096, 512, 1024, 2048, 8192, 16384];

function* range(dvsec: Dvsec, index: number): Generator<string> {
  const [size, high] = [dvsec.RANGE_SIZE[index], dvsec.RANGE_SIZE_HIGH[index] ?? 0];
  const [base, baseHigh] = [dvsec.RANGE_BASE[index], dvsec.RANGE_BASE_HIGH[index] ?? 0];
  if (size === undefined || base === undefined) return;
  const start = (BigInt(baseHigh) << 32n) | BigInt(base.raw);
  const length = (BigInt(high) << 32n) | (BigInt(size.SIZE) << 28n);
  const end = BigInt.asUintN(64, start + length - 1n);
  yield `Range${index + 1}: ${hex(start, 16)}-${hex(end, 16)} [size=0x${hex(length)}]`;
  const timeout = 1 << (((size.raw >> 13) & 7) * 2);
  const interleave = INTERLEAVE[(size.raw >> 8) & 0x1f] ?? 0;
  yield `\t${flags(size, { Valid: 'VALID', Active: 'ACTIVE' })} Type=${size.TYPE} Class=${size.CLASS} interleave=${interleave} timeout=${timeout}s`;
}

/** lspci shows 16 bits of each. */
function* functionMap({ FUNCTION_MAP }: Dvsec): Generator<string> {
  for (const [index, word] of FUNCTION_MAP.entries()) yield `FuncMap ${index}: ${hex(word & 0xffff, 8)}`;
}

const PORT_LENGTH = 0x28;

function* port(dvsec: Dvsec): Generator<string> {
  if (dvsec.HEADER1.LENGTH < PORT_LENGTH) return;
  const { PORT_STATUS, PORT_CTRL } = dvsec;
  // lspci takes the register's offset for the mask.
  yield `CXLPortSta:\tPMComplete${sign((PORT_STATUS.raw & 0x0a) !== 0)}`;
  yield `CXLPortCtl:\t${flags(PORT_CTRL, { UnmaskSBR: 'UNMASK_RESET', UnmaskLinkDisable: 'UNMASK_LINK_DISABLE', AltMem: 'ALT_MEMORY', AltBME: 'ALT_BUS_MASTER', ViralEnable: 'VIRAL' })}`;
  yield `AlternateBus:\t${hex(dvsec.ALT_BUS_BASE, 2)}-${hex(dvsec.ALT_BUS_LIMIT, 2)}`;
  yield `AlternateBus:\t${hex(dvsec.ALT_MEMORY_BASE.raw, 4)}-${hex(dvsec.ALT_MEMORY_LIMIT.raw, 4)}`;
}

function* flush(what: string, { raw }: { readonly raw: number }): Generator<string> {
  const [base, scale] = [raw & 0xf, (raw >> 8) & 0xf];
  if (scale > 7) yield `Reserved time scale encoding ${hex(scale)}`;
  const unit = scale > 7 ? '<?>' : ['us', 'ms', 's'][Math.floor(scale / 3)];
  yield `${what}: ${base * (scale > 7 ? 1 : 10 ** (scale % 3))}${unit}`;
}

function* flushPort({ GPF_PHASE1, GPF_PHASE2 }: Dvsec): Generator<string> {
  yield* flush('GPF Phase 1 Timeout', GPF_PHASE1);
  yield* flush('GPF Phase 2 Timeout', GPF_PHASE2);
}

function* flushDevice({ GPF_DURATION, GPF_POWER }: Dvsec): Generator<string> {
  yield* flush('GPF Phase 2 Duration', GPF_DURATION);
  yield `GPF Phase 2 Power: ${GPF_POWER.POWER}mW`;
}

/** By the revision. */
const FLEX_LENGTHS = [0x10, 0x14, 0x20];

function* flexBus(dvsec: Dvsec): Generator<string> {
  const { REVISION, LENGTH: length } = dvsec.HEADER1;
  const expected = FLEX_LENGTHS[REVISION];
  if (expected !== undefined && length !== expected) yield `<Wrong length for Revision ${REVISION}>`;
  const { FLEX_CAP, FLEX_CTRL, FLEX_STATUS } = dvsec;
  const later = <T>(register: T & { FLIT_256B: number; PBR_FLIT: number }) =>
    REVISION > 1 ? ` ${flags(register, { '256BFlit': 'FLIT_256B', PBRFlit: 'PBR_FLIT' })}` : '';
  const flits = { '68BFlit': 'FLIT_68B', MltLogDev: 'MULTI_LOGICAL' } as const;
  const link = { SynHdrByp: 'SYNC_HEADER_BYPASS', DrftBuf: 'DRIFT_BUFFER' } as const;
  const control = { RCD: 'DISABLE_RCD_TRAINING', Retimer1: 'RETIMER1', Retimer2: 'RETIMER2' } as const;
  yield `FBCap:\t${flags(FLEX_CAP, { ...PROTOCOLS, ...flits })}${later(FLEX_CAP)}`;
  yield `FBCtl:\t${flags(FLEX_CTRL, { ...PROTOCOLS, ...link, ...flits, ...control })}${later(FLEX_CTRL)}`;
  yield `FBSta:\t${flags(FLEX_STATUS, { ...PROTOCOLS, ...link, ...flits })}${later(FLEX_STATUS)}`;
  if (REVISION >= 1) yield `FBModTS:\tReceived FB Data: ${hex(dvsec.FLEX_RECEIVED.DATA, 6)}`;
  if (REVISION >= 2) {
    yield `FBCap2:\tNOPHint${sign(dvsec.FLEX_CAP2.NOP_HINT)}`;
    yield `FBCtl2:\tNOPHint${sign(dvsec.FLEX_CTRL2.NOP_HINT)}`;
    yield `FBSta2:\tNOPHintInfo: ${hex(dvsec.FLEX_STATUS2.NOP_HINT)}`;
  }
  if (length > 0x20) yield '<?>';
}

function* locator({ BLOCK, BLOCK_HIGH }: Dvsec): Generator<string> {
  for (const [index, block] of BLOCK.entries()) {
    if (block.ID === 'empty') continue;
    const name = typeof block.ID === 'string' && block.ID in BLOCK_NAMES ? block.ID : '<?>';
    const offset = `${hex(BLOCK_HIGH[index] ?? 0, 8)}${hex(block.OFFSET, 4)}0000`;
    yield `Block${index + 1}: BIR: bar${block.BAR}, ID: ${name}, offset: ${offset}`;
  }
}

const MOST_LOGICAL_DEVICES = 16;

function* multiLogical({ LOGICAL_DEVICES: count }: Dvsec): Generator<string> {
  if (count > 0 && count <= MOST_LOGICAL_DEVICES) yield `NumLogDevs: ${count}`;
}
