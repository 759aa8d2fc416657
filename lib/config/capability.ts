/**
 * What a capability is: its id, where it is specified, its registers, and lspci's words for them. Each family has a file of such
 * declarations; catalog.ts lists them all. The same registers serve decoding, display and writing.
 */
import { UsageError } from '../errors.js';
import type { RegisterMap, RegisterSpec } from '../registers.js';
import { decodeRegister, type Registers } from './decode.js';
import type { Space } from './space.js';

/** How one capability's registers differ from the map: not there, elsewhere, or fewer of them. */
export type Shape<M extends RegisterMap> = {
  readonly [K in keyof M]?: false | { readonly offset?: number; readonly count?: number };
};

/** What the text needs beyond the bytes. */
export interface TextContext {
  /** How lspci names a subsystem. */
  subsystem(vendor: number, device: number): string;
}

export interface CapabilitySpec<M extends RegisterMap = RegisterMap> {
  /** As setpci calls it, without CAP_ or ECAP_: 'EXP'. */
  readonly name: string;
  readonly id: number;
  /** One of the list at 0x100, not of the list in the header. */
  readonly extended: boolean;
  readonly title: string;
  /** The document and section. */
  readonly ref: string;
  /** Offsets are from the capability's first byte. */
  readonly registers: M;
  /** For registers whose presence, place or number the first ones tell. */
  readonly shape?: (capability: Capability<M>, space: Space) => Shape<M>;
  /**
   * lspci's lines: the first follows the offset, the others are indented below it. Where a register is missing from the bytes, the
   * text ends before the line that needs it.
   */
  readonly text: (capability: Capability<M>, space: Space, context: TextContext) => Iterable<string>;
}

/** Where and what a capability is. Data: JSON.stringify() takes it as it is. */
export interface Place {
  /** 'EXP'; an unknown one is '0x1f'. */
  readonly name: string;
  readonly id: number;
  readonly extended: boolean;
  /** Bytes from the start of config space. */
  readonly offset: number;
  /** Of an extended capability; 0 for the others. */
  readonly version: number;
}

export type Capability<M extends RegisterMap = RegisterMap> = Place & Registers<M>;

/** A register was asked for that is not there: the space ends before it, or this form of the capability has none. */
export class AbsentRegister extends UsageError {}

/** Types a declaration by its own registers. */
export function standard<const M extends RegisterMap>(spec: Omit<CapabilitySpec<M>, 'extended'>): CapabilitySpec<M> {
  return { extended: false, ...spec };
}

/** The same for one of the list at 0x100. */
export function extended<const M extends RegisterMap>(spec: Omit<CapabilitySpec<M>, 'extended'>): CapabilitySpec<M> {
  return { extended: true, ...spec };
}

/** Decodes the capability at `place`. What is not within the bytes is left out; asking for it throws an AbsentRegister. */
export function decodeCapability<M extends RegisterMap>(
  spec: CapabilitySpec<M>,
  space: Space,
  place: Place,
): Capability<M> {
  const capability = { ...place } as Capability<M>;
  for (const name of Object.keys(spec.registers)) define(capability, spec, space, name, spec.shape !== undefined);
  if (spec.shape !== undefined) {
    const shape = shapeOf(spec, capability, space);
    for (const name of Object.keys(spec.registers)) define(capability, spec, space, name, false, shape[name]);
  }
  return capability;
}

/** Before the registers that tell the shape are all there, everything is as the map says. */
function shapeOf<M extends RegisterMap>(spec: CapabilitySpec<M>, capability: Capability<M>, space: Space): Shape<M> {
  try {
    return spec.shape?.(capability, space) ?? {};
  } catch (error) {
    if (error instanceof AbsentRegister) return {};
    throw error;
  }
}

function define<M extends RegisterMap>(
  capability: Capability<M>,
  spec: CapabilitySpec<M>,
  space: Space,
  name: string,
  lazy: boolean,
  shape?: false | { readonly offset?: number; readonly count?: number },
): void {
  const register = spec.registers[name] as RegisterSpec;
  const path = `${space.path}+0x${capability.offset.toString(16)} ${spec.name}.${name}`;
  const decode = () => (shape === false ? undefined : decodeRegister(register, space, capability.offset, path, shape));
  const value = lazy ? undefined : decode();
  if (value !== undefined) {
    Object.defineProperty(capability, name, { value, enumerable: true, configurable: true });
    return;
  }
  const missing = () => {
    const found = lazy ? decode() : undefined;
    if (found !== undefined) return found;
    const hint = 'Object.keys() of the capability tells what it has';
    throw new AbsentRegister({ path, attempted: 'decode', reason: 'this capability has no such register', hint });
  };
  Object.defineProperty(capability, name, { get: missing, enumerable: false, configurable: true });
}
