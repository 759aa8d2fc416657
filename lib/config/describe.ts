/** A whole config space as data: header, BARs, capabilities. JSON.stringify() takes it as it is. */
import { type Bar, bars } from './bars.js';
import { BRIDGE, CARDBUS } from './bridge.js';
import type { Capability } from './capability.js';
import { decodeRegisters } from './decode.js';
import { HEADER } from './header.js';
import { CARDBUS_SIZE, fits, HEADER_SIZE, type Space, wordAt } from './space.js';
import { type Broken, capabilitiesOf, isFound, walk } from './walk.js';

export interface Description {
  /** How many bytes there were. */
  readonly size: number;
  /** By the layout that HEADER_TYPE tells: a device's, a bridge's, a CardBus bridge's. */
  readonly header: Readonly<Record<string, unknown>>;
  readonly bars: readonly Bar[];
  readonly capabilities: readonly Capability[];
  /** Where a capability list ends before its end, and why. */
  readonly broken: readonly Broken[];
}

const BAR_COUNTS: readonly number[] = [6, 2, 1];

/** Decodes 64, 256 or 4096 bytes, or what there is of them. Pure. */
export function describeSpace(bytes: Uint8Array, path = 'config'): Description {
  const space: Space = { bytes, path };
  const whole = fits(space, 0, HEADER_SIZE);
  const layout = whole ? wordAt(space, 0x0e, 8) & 0x7f : 0;
  const count = whole ? (BAR_COUNTS[layout] ?? 0) : 0;
  const broken = walk(space).filter((step): step is Broken => !isFound(step));
  return {
    size: bytes.length,
    header: headerOf(space, layout),
    bars: bars(space, count),
    capabilities: capabilitiesOf(space),
    broken,
  };
}

/** The registers that the layouts share, below 0x10 and from 0x34; then the layout's own. */
function headerOf(space: Space, layout: number): Readonly<Record<string, unknown>> {
  if (layout === 0) return decodeRegisters(HEADER, space);
  const shared = Object.entries(HEADER).filter(([name, { offset }]) => offset < 0x10 || SHARED.includes(name));
  const common = decodeRegisters(Object.fromEntries(shared), space);
  if (layout === 1) return { ...common, ...decodeRegisters(BRIDGE, space) };
  return layout === 2 && fits(space, 0, CARDBUS_SIZE) ? { ...common, ...decodeRegisters(CARDBUS, space) } : common;
}

const SHARED = ['CAP_POINTER', 'INTERRUPT_LINE', 'INTERRUPT_PIN'];
