/**
 * What a capability is: its id, where it is specified, its registers, and lspci's words for them. Each family has a file of such
 * declarations; catalog.ts lists them all. The same registers serve decoding, display and writing.
 */
import { UsageError } from '../errors.js';
import type { RegisterMap, RegisterSpec } from '../map.js';
import { decodeRegister, type Registers } from './decode.js';
import { fits, type Space } from './space.js';

/** How one capability's registers differ from the map: not there, elsewhere, fewer of them, or at offsets that the bytes tell. */
export type Shape<M extends RegisterMap> = { readonly [K in keyof M]?: RegisterShape };

export type RegisterShape =
  | false
  | { readonly offset?: number; readonly count?: number; readonly offsets?: readonly number[] };

/** What the text needs beyond the bytes. */
export interface TextContext {
  /** How lspci names a subsystem. */
  subsystem(vendor: number, device: number): string;
  /** What stands behind the VPD capability, where it has been read. */
  readonly vpd?: Uint8Array;
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
  /** Offset and length of what lspci wants whole before it shows more than the first line. */
  readonly block?: readonly [offset: number, length: number];
  /** Where `block` is not there, a line says so. */
  readonly unreadable?: true;
  /**
   * lspci's lines: the first follows the offset, the others are indented below it. Where a register is missing from the bytes, the
   * text ends before the line that needs it. No line at all: lspci shows no more than the offset, and does not end the line.
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
  /** Where the list goes on: bytes from the start of config space; 0 at its end. */
  readonly next: number;
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
  const capability = blank<M>(space, place, guards(spec));
  const shape = shapeOf(spec, space, place);
  for (const [name, register] of Object.entries(spec.registers)) {
    if (shape[name] === false) continue;
    const value = decodeRegister(register, space, place.offset, pathOf(capability, name), shape[name]);
    if (value !== undefined) Object.defineProperty(capability, name, { value, enumerable: true, configurable: true });
  }
  return capability;
}

/** How the registers of the capability at `place` differ from the map. Before those that tell are all there, not at all. */
export function shapeOf<M extends RegisterMap>(spec: CapabilitySpec<M>, space: Space, place: Place): Shape<M> {
  if (spec.shape === undefined) return {};
  try {
    return spec.shape(blank<M>(space, place, drafts(spec)), space);
  } catch (error) {
    if (error instanceof AbsentRegister) return {};
    throw error;
  }
}

/** Are `length` bytes from `offset` of the capability there? */
export const holds = (space: Space, place: Place, offset: number, length: number): boolean =>
  fits(space, place.offset + offset, length);

/** The space that a capability was decoded from, for what its registers say when they are asked for. */
const origins = new WeakMap<object, Space>();

function blank<M extends RegisterMap>(space: Space, place: Place, prototype: object): Capability<M> {
  const { name, id, extended, offset, version, next } = place;
  const capability = Object.assign(Object.create(prototype), {
    name,
    id,
    extended,
    offset,
    version,
    next,
  }) as Capability<M>;
  origins.set(capability, space);
  return capability;
}

function pathOf(place: Place, name: string): string {
  return `${origins.get(place)?.path ?? ''}+0x${place.offset.toString(16)} ${place.name}.${name}`;
}

function absent(place: Place, name: string): AbsentRegister {
  const hint = 'Object.keys() of the capability tells what it has';
  const reason = 'this capability has no such register';
  return new AbsentRegister({ path: pathOf(place, name), attempted: 'decode', reason, hint });
}

/** Of decoded capabilities: a register that is not there says so. */
const guards = prototypes((_register, name) => (place) => {
  throw absent(place, name);
});

/** Of those whose shape is not known yet: each register is decoded when it is asked for, as the map has it. */
const drafts = prototypes((register, name) => (place) => {
  const space = origins.get(place);
  const path = pathOf(place, name);
  const value = space === undefined ? undefined : decodeRegister(register, space, place.offset, path);
  if (value === undefined) throw absent(place, name);
  return value;
});

type Getter = (place: Place) => unknown;

/** One object a declaration, with a getter for each register. */
function prototypes(getter: (register: RegisterSpec, name: string) => Getter) {
  const made = new WeakMap<RegisterMap, object>();
  return ({ registers }: { readonly registers: RegisterMap }): object => {
    let prototype = made.get(registers);
    if (prototype === undefined) {
      const entries = Object.entries(registers).map(([name, register]) => {
        const get = getter(register, name);
        const descriptor: PropertyDescriptor = {
          get(this: Place) {
            return get(this);
          },
          configurable: true,
        };
        return [name, descriptor] as const;
      });
      prototype = Object.create(Object.prototype, Object.fromEntries(entries)) as object;
      made.set(registers, prototype);
    }
    return prototype;
  };
}
