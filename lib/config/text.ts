/**
 * A function's config space in lspci's words: line for line what `lspci -F FILE -vvv` prints. Pure; the names are given.
 *
 * Ref: pciutils 3.15, lspci(8)
 */
import { AbsentRegister, decodeCapability, holds, type TextContext } from './capability.js';
import { decodeRegisters } from './decode.js';
import { HEADER, type Header } from './header.js';
import { barLines, bridgeLines, cardbusLines, deviceSelect, romLines } from './header-text.js';
import { firstLine, NO_NAMES, type Names, subsystemName, subsystemText } from './names.js';
import { CARDBUS_SIZE, fits, HEADER_SIZE, IDENTITY_SIZE, type Space, wordAt } from './space.js';
import { isFound, type Step, walk } from './walk.js';
import { flags, hex, sign } from './words.js';

export interface TextOptions {
  /** How the function is called: '01:00.0', '0000:01:00.0'. */
  readonly slot: string;
  /** Names of vendors, devices, subsystems and classes. Default: numbers only. */
  readonly names?: Names;
  /** The vital product data, where they have been read. Without them the text says `Not readable`, as lspci's does for others than root. */
  readonly vpd?: Uint8Array;
}

/** The text of one function, with a newline after each line. */
export function lspciText(bytes: Uint8Array, { slot, names = NO_NAMES, vpd }: TextOptions): string {
  const space: Space = { bytes, path: `${slot}/config`, slot };
  return [...lines(space, slot, names, vpd)].map((line) => `${line}\n`).join('');
}

function* lines(space: Space, slot: string, names: Names, vpd?: Uint8Array): Generator<string> {
  const header = decodeRegisters(HEADER, space);
  if (!fits(space, 0, IDENTITY_SIZE)) {
    yield `${slot} <access denied>`;
    return;
  }
  yield `${slot} ${firstLine(header, names)}`;
  if (!fits(space, 0, HEADER_SIZE)) return;
  const layout = header.HEADER_TYPE.LAYOUT;
  if (layout > 2) {
    yield `\t!!! Unknown header type ${hex(layout, 2)}`;
    return;
  }
  const own = subsystemText(space, layout, names);
  if (own !== undefined) yield `\tSubsystem: ${own}`;
  const code = (header.BASE_CLASS << 8) | header.SUB_CLASS;
  if (layout === 0 ? code === 0x0604 : header.BASE_CLASS !== 0x06) {
    yield `\t!!! Invalid class ${hex(code, 4)} for header type ${hex(layout, 2)}`;
  }
  yield* common(header, space);
  if (layout === 0) {
    yield* barLines(space, 6);
    yield* romLines(space, 0x30);
  } else if (layout === 1) yield* bridgeLines(space);
  else yield* cardbusLines(space);
  if (layout === 2 && !fits(space, 0, CARDBUS_SIZE)) return;
  const subsystem = (vendor: number, device: number) => subsystemName(space, vendor, device, names);
  yield* capabilityLines(space, { subsystem, ...(vpd === undefined ? {} : { vpd }) });
}

function* common(header: Header, space: Space): Generator<string> {
  const { COMMAND, STATUS } = header;
  yield `\tControl: ${flags(COMMAND, { 'I/O': 'IO', Mem: 'MEM', BusMaster: 'MASTER', SpecCycle: 'SPECIAL_CYCLES', MemWINV: 'MEM_WINV', VGASnoop: 'VGA_SNOOP', ParErr: 'PARITY_RESPONSE', Stepping: 'STEPPING', SERR: 'SERR', FastB2B: 'FAST_B2B', DisINTx: 'INTX_DISABLE' })}`;
  const capable = flags(STATUS, { Cap: 'CAP_LIST', '66MHz': 'MHZ66', UDF: 'UDF', FastB2B: 'FAST_B2B' });
  const errors = {
    '>TAbort': 'SIGNALED_TARGET_ABORT',
    '<TAbort': 'TARGET_ABORT',
    '<MAbort': 'MASTER_ABORT',
    '>SERR': 'SERR',
    '<PERR': 'PARITY_ERROR',
    INTx: 'INTX',
  } as const;
  const parity = sign(STATUS.MASTER_PARITY_ERROR);
  yield `\tStatus: ${capable} ParErr${parity} DEVSEL=${deviceSelect(STATUS.DEVSEL)} ${flags(STATUS, errors)}`;
  if (COMMAND.MASTER) {
    const times = header.HEADER_TYPE.LAYOUT === 0 ? latencies(header) : '';
    const line = header.CACHE_LINE_SIZE === 0 ? '' : `, Cache Line Size: ${header.CACHE_LINE_SIZE * 4} bytes`;
    yield `\tLatency: ${header.LATENCY_TIMER}${times}${line}`;
  }
  const pin = wordAt(space, 0x3d, 8);
  const line = wordAt(space, 0x3c, 8);
  if (pin !== 0 || (line !== 0 && !COMMAND.INTX_DISABLE)) {
    const name = pin === 0 ? 'unknown pin' : `pin ${pin < 5 ? '?BCDE'[pin] : `#${pin}`}`;
    yield `\tInterrupts: ${name}${COMMAND.INTX_DISABLE ? ' disabled' : line === 0 ? '' : ` routed to IRQ ${line}`}`;
  }
  if (header.BIST.CAPABLE) yield header.BIST.START ? '\tBIST is running' : `\tBIST result: ${hex(header.BIST.CODE, 2)}`;
}

/** MIN_GNT and MAX_LAT are in units of a quarter of a microsecond. */
function latencies({ MIN_GNT, MAX_LAT }: Header): string {
  const times = [
    ...(MIN_GNT === 0 ? [] : [`${MIN_GNT * 250}ns min`]),
    ...(MAX_LAT === 0 ? [] : [`${MAX_LAT * 250}ns max`]),
  ];
  return times.length === 0 ? '' : ` (${times.join(', ')})`;
}

const ENDS = { looped: '<chain looped>', broken: '<chain broken>', denied: '<access denied>' } as const;

function* capabilityLines(space: Space, context: TextContext): Generator<string> {
  let open = '';
  for (const step of walk(space)) {
    const [first, ...others] = stepLines(step, space, context);
    if (first === undefined) {
      open += `\tCapabilities: ${isFound(step) ? label(step.place) : ''} `;
      continue;
    }
    yield `${open}\tCapabilities: ${first}`;
    open = '';
    for (const line of others) yield line.startsWith('\t') ? `\t${line}` : line;
  }
  if (open !== '') yield open;
}

/** Of a capability of which lspci shows no more than the offset: none. */
function stepLines(step: Step, space: Space, context: TextContext): string[] {
  if (!isFound(step)) {
    if (step.reason === 'denied') return [ENDS.denied];
    return [`${label(step)} ${ENDS[step.reason]}`];
  }
  const { place, spec } = step;
  if (spec === undefined) return [`${label(place)} ${unknownText(place.id, place.extended, place.offset, space)}`];
  const lines: string[] = [];
  try {
    for (const line of spec.text(decodeCapability(spec, space, place), space, context)) {
      lines.push(lines.length === 0 ? `${label(place)} ${line}` : line);
      if (spec.block === undefined || holds(space, place, ...spec.block)) continue;
      if (spec.unreadable) lines.push('\t<unreadable>');
      break;
    }
  } catch (error) {
    if (!(error instanceof AbsentRegister)) throw error;
  }
  return lines;
}

function label(place: { readonly offset: number; readonly extended: boolean; readonly version: number }): string {
  return place.extended ? `[${hex(place.offset, 3)} v${place.version}]` : `[${hex(place.offset, 2)}]`;
}

function unknownText(id: number, extended: boolean, offset: number, space: Space): string {
  if (extended) return id === 0 ? 'Null' : `Extended Capability ID 0x${hex(id)}`;
  return id === 0 ? 'Null' : `Capability ID 0x${hex(id)} [${hex(wordAt(space, offset + 2, 16), 4)}]`;
}
