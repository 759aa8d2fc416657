/** What a register map says of its registers, as data that another thread can be sent. Nothing here reads a register. */
import type { CapabilitySpec } from '../lib/config/capability.js';
import { layoutOf } from '../lib/fields.js';
import type { RegisterMap, RegisterSpec } from '../lib/map.js';
import { BoundRegister, RegisterBlock } from '../lib/registers.js';

export interface FieldFacts {
  readonly msb: number;
  readonly lsb: number;
  readonly access: string;
  /** What its codes mean, `0=XTAL 1=PLL`, or what it counts. */
  readonly meaning: string;
}

export interface RegisterFacts {
  /** Bytes from the start of the region; of an array, its first element's. */
  readonly offset: number;
  readonly width: number;
  readonly access: string;
  /** 0: no array. */
  readonly count: number;
  readonly reset: bigint | undefined;
  readonly doc: string;
  readonly fields: Readonly<Record<string, FieldFacts>>;
}

export interface MapFacts {
  /** The document and section, where the map has them as data. */
  readonly reference: string;
  /** '+' where offsets are from a capability's first byte, wherever that is. */
  readonly from: '' | '+';
  readonly registers: Readonly<Record<string, RegisterFacts>>;
}

/** What a map, or one that is bound to a region, says; undefined for any other value. */
export function mapFacts(value: unknown): MapFacts | undefined {
  if (value instanceof RegisterBlock) return factsOf(boundSpecs(value));
  if (!isMap(value)) return undefined;
  try {
    return factsOf(value);
  } catch {
    return undefined; // A field that cannot be: binding the map says which.
  }
}

export function factsOf(map: RegisterMap): MapFacts {
  const registers = Object.entries(map).map(([name, spec]) => [name, registerFacts(spec)] as const);
  return { reference: '', from: '', registers: Object.fromEntries(registers) };
}

/** The same of a capability of config space. */
export const capabilityFacts = ({ registers, ref }: CapabilitySpec): MapFacts => ({
  ...factsOf(registers),
  reference: ref,
  from: '+',
});

function registerFacts(spec: RegisterSpec): RegisterFacts {
  const { offset, width, access, count, doc } = spec;
  const fields = layoutOf(spec).map(({ name, msb, lsb, access, names, unit }) => {
    const meaning = unit === undefined ? [...names].map(([code, each]) => `${code}=${each}`).join(' ') : `in ${unit}`;
    return [name, { msb, lsb, access, meaning }] as const;
  });
  const reset = spec.reset === undefined ? undefined : BigInt(spec.reset);
  return { offset, width, access, count, reset, doc, fields: Object.fromEntries(fields) };
}

/** The map of a bound one, its registers where they are there. */
function boundSpecs(block: RegisterBlock): RegisterMap {
  const specs: Record<string, RegisterSpec> = {};
  for (const [name, value] of ownValues(block)) {
    const first: unknown = Array.isArray(value) ? value[0] : value;
    if (first instanceof BoundRegister) specs[name] = { ...first.spec, offset: first.offset };
  }
  return specs;
}

/** No getter is called. */
const ownValues = (of: object): [string, unknown][] =>
  Object.entries(Object.getOwnPropertyDescriptors(of)).flatMap(([name, { enumerable, value }]) =>
    enumerable && value !== undefined ? [[name, value as unknown]] : [],
  );

function isMap(value: unknown): value is RegisterMap {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false;
  const specs = ownValues(value);
  return specs.length > 0 && specs.length === Object.keys(value).length && specs.every(([, spec]) => isSpec(spec));
}

const isSpec = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  ['width', 'offset', 'fields', 'stride'].every((key) => Object.hasOwn(value, key));
