/**
 * The two capability lists: the one that the header points to, and the extended one at 0x100. Both may be anything: they loop, point
 * into the header, or end in the middle; the walk ends where they do.
 *
 * Ref: PCI Local Bus 3.0, 6.7; PCI Express Base 6.0, 7.6.3
 */
import { CAPABILITIES, type CapabilityName, type CapabilityRegisters } from './catalog.js';
import { type Capability, type CapabilitySpec, decodeCapability, type Place, shapeOf } from './capability.js';
import { capabilityView, type Described, overview, pictured, unknownView } from './picture.js';
import { type Pointer, standardPointers } from './pointers.js';
import { CONVENTIONAL_SIZE, fits, type Space, wordAt } from './space.js';

/** A capability that was found; without `spec` where nothing is known of its id. */
export interface Found {
  readonly place: Place;
  readonly spec: CapabilitySpec | undefined;
}

/** Why a list ended before its end, and where. */
export interface Broken {
  readonly offset: number;
  readonly version: number;
  readonly extended: boolean;
  readonly reason: NonNullable<Pointer['end']>;
}

export type Step = Found | Broken;

const NULL_ID = 0x00;
const PCIX_ID = 0x07;
const EXPRESS_ID = 0x10;

export const isFound = (step: Step): step is Found => 'place' in step;

const byId = new Map(CAPABILITIES.map((spec) => [`${spec.extended}/${spec.id}`, spec]));

/** Both lists, in the order of their pointers. */
export function walk(space: Space): readonly Step[] {
  const standard = walkStandard(space);
  const hasExtended = standard.some((step) => isFound(step) && bringsExtended(step));
  return hasExtended && space.bytes.length > CONVENTIONAL_SIZE ? [...standard, ...walkExtended(space)] : standard;
}

/** PCI Express has the extended list; so may PCI-X 2.0. */
const bringsExtended = ({ place }: Found): boolean => place.id === EXPRESS_ID || place.id === PCIX_ID;

function walkStandard(space: Space): Step[] {
  return standardPointers(space).map(({ offset, id, next, end }) =>
    end === undefined
      ? found({ id, extended: false, offset, version: 0, next })
      : { offset, version: 0, extended: false, reason: end },
  );
}

function walkExtended(space: Space): Step[] {
  const steps: Step[] = [];
  const seen = new Set<number>();
  let offset = CONVENTIONAL_SIZE;
  while (offset !== 0 && fits(space, offset, 4)) {
    const header = wordAt(space, offset, 32);
    if (header === 0 || header === 0xffff_ffff) break;
    const version = (header >>> 16) & 0xf;
    if (seen.has(offset)) {
      steps.push({ offset, version, extended: true, reason: 'looped' });
      break;
    }
    seen.add(offset);
    const next = (header >>> 20) & ~3;
    steps.push(found({ id: header & 0xffff, extended: true, offset, version, next }));
    offset = next;
  }
  return steps;
}

function found(entry: Omit<Place, 'name'>): Found {
  const spec = byId.get(`${entry.extended}/${entry.id}`);
  const name = spec?.name ?? (entry.id === NULL_ID ? 'NULL' : `0x${entry.id.toString(16).padStart(2, '0')}`);
  return { spec, place: { name, ...entry } };
}

/** An unknown capability: its place, and its bytes up to the next one. */
export type UnknownCapability = Place & { readonly name: 'NULL' | `0x${string}`; readonly bytes: readonly number[] };

/** A known one; `name` tells which registers it has. */
export type KnownCapability = {
  readonly [N in CapabilityName]: Capability<CapabilityRegisters<N>> & { readonly name: N };
}[CapabilityName];

export type AnyCapability = KnownCapability | UnknownCapability;

/** The capabilities as data, in the order of the lists; they show themselves a line each, and one of them a line a register. */
export function capabilitiesOf(space: Space): readonly AnyCapability[] {
  const found = walk(space).filter(isFound);
  const starts = found.map(({ place }) => place.offset);
  const described = new Map<Place, Described>();
  const all = found.map(({ spec, place }) => {
    if (spec === undefined) return unknown(space, place, starts);
    const capability = decodeCapability(spec, space, place) as Place as KnownCapability;
    const { title, ref, registers } = spec;
    const about = { title, ref, registers, shape: () => shapeOf(spec, space, place) };
    described.set(capability, about);
    return pictured(capability, () => capabilityView(space.path, capability, about));
  });
  return pictured(all, () => overview(space.path, all, described));
}

function unknown(space: Space, place: Place, starts: readonly number[]): UnknownCapability {
  const limit = place.offset < CONVENTIONAL_SIZE ? Math.min(CONVENTIONAL_SIZE, space.bytes.length) : space.bytes.length;
  const end = Math.min(limit, ...starts.filter((start) => start > place.offset));
  const bytes = Array.from(space.bytes.subarray(place.offset, end));
  const capability = { ...place, bytes } as UnknownCapability;
  return pictured(capability, () => unknownView(space.path, capability));
}
