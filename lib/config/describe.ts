/** A whole config space as data: header, capabilities. JSON.stringify() takes it as it is. */
import type { BarSizes } from './bars.js';
import { type HeaderData, headerOf } from './layout.js';
import type { Space } from './space.js';
import { type AnyCapability, type Broken, capabilitiesOf, isFound, walk } from './walk.js';

export interface Description {
  /** How many bytes there were. */
  readonly size: number;
  readonly header: HeaderData;
  readonly capabilities: readonly AnyCapability[];
  /** Where a capability list ends before its end, and why. */
  readonly broken: readonly Broken[];
}

/** Decodes 64, 256 or 4096 bytes, or what there is of them. Pure. */
export function describeSpace(bytes: Uint8Array, path = 'config', sizes?: BarSizes): Description {
  const space: Space = { bytes, path };
  return {
    size: bytes.length,
    header: headerOf(space, sizes),
    capabilities: capabilitiesOf(space),
    broken: walk(space).filter((step): step is Broken => !isFound(step)),
  };
}
