/** BARs, ROM and bridge windows in lspci's words. Ref: PCI Local Bus 3.0, 6.2.5; PCI-to-PCI Bridge 1.2, 3.2.5 */
import { bars } from './bars.js';
import { BRIDGE, CARDBUS } from './bridge.js';
import { decodeRegisters, type Registers } from './decode.js';
import { CARDBUS_SIZE, fits, type Space, wordAt } from './space.js';
import { WINDOW_KINDS, type Window, windowOf } from './windows.js';
import { flags, hex, sign } from './words.js';

const IO = 1;
const MEM = 2;
const command = (space: Space) => wordAt(space, 0x04, 16);

/** 'fast', 'medium', 'slow'. */
export const deviceSelect = (speed: number | string): string =>
  typeof speed === 'string' ? speed.toLowerCase() : '??';

export function* barLines(space: Space, count: number): Generator<string> {
  for (const { index, kind, type, prefetchable, address } of bars(space, count)) {
    const on = (command(space) & (kind === 'io' ? IO : MEM)) !== 0;
    const off = on ? '' : ' [disabled]';
    const at = BigInt(address);
    if (kind === 'io') {
      yield `\tRegion ${index}: I/O ports at ${at !== 0n || on ? hex(at, 4) : '<unassigned>'}${off}`;
    } else {
      const place = at === 0n ? '<unassigned>' : hex(at, 8);
      yield `\tRegion ${index}: Memory at ${place} (${type}, ${prefetchable ? '' : 'non-'}prefetchable)${off}`;
    }
  }
}

export function* romLines(space: Space, offset: number): Generator<string> {
  const raw = wordAt(space, offset, 32);
  if (raw === 0) return;
  const address = (raw & ~0x7ff) >>> 0;
  const place = raw === 0xffff_ffff ? '<ignored>' : address === 0 ? '<unassigned>' : hex(address, 8);
  const on = (command(space) & MEM) !== 0;
  yield `\tExpansion ROM at ${place}${(raw & 1) === 0 ? ' [disabled]' : on ? '' : ' [disabled by cmd]'}`;
}

/** In the largest unit that divides the size; lspci's number has 32 bits. */
function sizeText(size: bigint): string {
  const units = ['', 'K', 'M', 'G', 'T'];
  let [value, unit] = [size, 0];
  while (unit < units.length - 1 && value % 1024n === 0n) [value, unit] = [value / 1024n, unit + 1];
  return `[size=${BigInt.asUintN(32, value)}${units[unit]}]`;
}

const NAMES = { io: 'I/O', memory: 'Memory', prefetchable: 'Prefetchable memory' } as const;
const UNKNOWN = { io: 'I/O', memory: 'memory', prefetchable: 'prefetchable memory' } as const;

function windowLine({ kind, bits, base, limit, open }: Window): string {
  const [first, last] = [BigInt(base), BigInt(limit)];
  const state = open ? sizeText(last - first + 1n) : '[disabled]';
  return `\t${NAMES[kind]} behind bridge: ${hex(first, bits / 4)}-${hex(last, bits / 4)} ${state} [${bits}-bit]`;
}

function typesText(bridge: Registers<typeof BRIDGE>, kind: Window['kind']): string {
  const { IO_BASE, IO_LIMIT, MEMORY_BASE, MEMORY_LIMIT, PREFETCH_BASE, PREFETCH_LIMIT } = bridge;
  const registers = {
    io: [IO_BASE, IO_LIMIT],
    memory: [MEMORY_BASE, MEMORY_LIMIT],
    prefetchable: [PREFETCH_BASE, PREFETCH_LIMIT],
  }[kind];
  return registers.map(({ raw }) => hex(raw)).join('/');
}

export function* bridgeLines(space: Space): Generator<string> {
  yield* barLines(space, 2);
  const bridge = decodeRegisters(BRIDGE, space);
  yield `\tBus: primary=${hex(bridge.PRIMARY_BUS, 2)}, secondary=${hex(bridge.SECONDARY_BUS, 2)}, subordinate=${hex(bridge.SUBORDINATE_BUS, 2)}, sec-latency=${bridge.SECONDARY_LATENCY}`;
  for (const kind of WINDOW_KINDS) {
    const window = windowOf(bridge, kind);
    if (window !== undefined) yield windowLine(window);
    else yield `\t!!! Unknown ${UNKNOWN[kind]} range types ${typesText(bridge, kind)}`;
  }
  const { CONTROL } = bridge;
  yield secondaryStatus(bridge.SECONDARY_STATUS);
  yield* romLines(space, 0x38);
  yield `\tBridgeCtl: ${flags(CONTROL, { Parity: 'PARITY', SERR: 'SERR', NoISA: 'ISA', VGA: 'VGA', VGA16: 'VGA16', MAbort: 'MASTER_ABORT', '>Reset': 'BUS_RESET', FastB2B: 'FAST_B2B' })}`;
  yield `\t\t${flags(CONTROL, { PriDiscTmr: 'PRIMARY_DISCARD_TIMER', SecDiscTmr: 'SECONDARY_DISCARD_TIMER', DiscTmrStat: 'DISCARD_TIMER_STATUS', DiscTmrSERREn: 'DISCARD_TIMER_SERR' })}`;
}

function secondaryStatus(status: ReturnType<typeof decodeRegisters<typeof BRIDGE>>['SECONDARY_STATUS']): string {
  const errors = {
    '>TAbort': 'SIGNALED_TARGET_ABORT',
    '<TAbort': 'TARGET_ABORT',
    '<MAbort': 'MASTER_ABORT',
    '<SERR': 'SERR',
    '<PERR': 'PARITY_ERROR',
  } as const;
  return `\tSecondary status: ${flags(status, { '66MHz': 'MHZ66', FastB2B: 'FAST_B2B' })} ParErr${sign(status.MASTER_PARITY_ERROR)} DEVSEL=${deviceSelect(status.DEVSEL)} ${flags(status, errors)}`;
}

export function* cardbusLines(space: Space): Generator<string> {
  yield* barLines(space, 1);
  const cardbus = decodeRegisters(CARDBUS, space);
  yield `\tBus: primary=${hex(cardbus.PRIMARY_BUS, 2)}, secondary=${hex(cardbus.CARDBUS_BUS, 2)}, subordinate=${hex(cardbus.SUBORDINATE_BUS, 2)}, sec-latency=${cardbus.LATENCY}`;
  const { CONTROL } = cardbus;
  const prefetch = [CONTROL.PREFETCH_0, CONTROL.PREFETCH_1];
  for (const index of [0, 1]) {
    const base = cardbus.MEMORY_BASE[index] ?? 0;
    const limit = ((cardbus.MEMORY_LIMIT[index] ?? 0) + 0xfff) >>> 0;
    const off = (command(space) & MEM) === 0 ? ' [disabled]' : '';
    yield `\tMemory window ${index}: ${hex(base, 8)}-${hex(limit, 8)}${off}${prefetch[index] ? ' (prefetchable)' : ''}`;
  }
  for (const index of [0, 1]) {
    const wide = ((cardbus.IO_BASE[index] ?? 0) & 1) !== 0;
    const bits = (word: number) => (wide ? word & ~3 : word & 0xfffc) >>> 0;
    const base = bits(cardbus.IO_BASE[index] ?? 0);
    const limit = (bits(cardbus.IO_LIMIT[index] ?? 0) | 3) >>> 0;
    const off = (command(space) & IO) === 0 ? ' [disabled]' : '';
    yield `\tI/O window ${index}: ${hex(base, 8)}-${hex(limit, 8)}${off}`;
  }
  if (cardbus.SECONDARY_STATUS.SERR) yield '\tSecondary status: SERR';
  yield `\tBridgeCtl: ${flags(CONTROL, { Parity: 'PARITY', SERR: 'SERR', ISA: 'ISA', VGA: 'VGA', MAbort: 'MASTER_ABORT', '>Reset': 'BUS_RESET', '16bInt': 'INT_16', PostWrite: 'POST_WRITE' })}`;
  if (!fits(space, 0, CARDBUS_SIZE)) yield '\t<access denied to the rest>';
  else if (cardbus.LEGACY_BASE !== 0) yield `\t16-bit legacy interface ports at ${hex(cardbus.LEGACY_BASE, 4)}`;
}
