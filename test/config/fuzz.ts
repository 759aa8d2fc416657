/** Random and mutated spaces, decoded to data and to text: no exception, no hang, and nothing that is not in the bytes. */
import assert from 'node:assert/strict';
import { type Capability, type CapabilitySpec, shapeOf } from '../../lib/config/capability.js';
import { offsetsOf } from '../../lib/config/decode.js';
import { describeSpace } from '../../lib/config/describe.js';
import { dumpText } from '../../lib/config/dump.js';
import { type Space, wordAt } from '../../lib/config/space.js';
import { lspciText } from '../../lib/config/text.js';
import { capabilitiesOf, isFound, walk } from '../../lib/config/walk.js';
import { EXTENDED, type Random, random, STANDARD, some, space } from './synthetic.js';

/** Longer than any space may take; a busy machine included. */
const HANG_MS = 10_000;
const LARGEST = 4096;

/** A space of any size: whole, cut off anywhere, with bytes changed, all-ones, all-zeros, or nothing but noise. */
export function hostile(next: Random): Uint8Array {
  const size = [4096, 256, 64, 128, 1 + next(LARGEST)][next(5)] ?? 0;
  const kind = next(40);
  if (kind === 0) return new Uint8Array(size).fill(next(2) === 0 ? 0xff : 0);
  if (kind === 1) return Uint8Array.from({ length: size }, () => next(256));
  const bytes = space(next, some(next, STANDARD).slice(0, 4), some(next, EXTENDED).slice(0, 4)).slice(0, size);
  for (let hits = next(24); hits > 0; hits -= 1) bytes[next(next(2) === 0 ? 256 : LARGEST)] = next(256);
  // Pointers are what a walk trusts most.
  if (next(4) === 0) bytes[[0x34, 0x41, 0x102, 0x103][next(4)] ?? 0] = next(256);
  return bytes;
}

/** What stands around the bytes: two kinds of it. */
const AROUND = [0x55, 0xaa].map((filler) => ({ filler, all: new Uint8Array(3 * LARGEST) }));

/** The same bytes with others before and behind them. */
function within(bytes: Uint8Array, { filler, all }: { readonly filler: number; readonly all: Uint8Array }): Uint8Array {
  all.fill(filler);
  all.set(bytes, LARGEST);
  return all.subarray(LARGEST, LARGEST + bytes.length);
}

/** Decodes one space; throws where something is wrong with what comes out. */
export function check(bytes: Uint8Array): void {
  const [one, other] = AROUND.map((around) => {
    const inside = within(bytes, around);
    return `${lspciText(inside, { slot: '00:00.0' })}${JSON.stringify(describeSpace(inside))}`;
  });
  assert.equal(one, other, 'what stands around the bytes shows');
  const space: Space = { bytes, path: '' };
  const found = walk(space).filter(isFound);
  for (const [index, capability] of capabilitiesOf(space).entries()) {
    const spec = found[index]?.spec;
    if (spec !== undefined) checkWords(space, spec, capability as unknown as Capability);
  }
}

/** Each register is the word that stands where the table, and the form of this capability, have it. */
function checkWords(space: Space, spec: CapabilitySpec, capability: Capability): void {
  const shape = shapeOf(spec, space, capability);
  for (const [name, register] of Object.entries(spec.registers)) {
    const value = Object.hasOwn(capability, name) ? (capability[name] as unknown) : undefined;
    const values: readonly unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
    const offsets = offsetsOf(register, shape[name]);
    assert.ok(values.length <= offsets.length, `${spec.name}.${name}: more than there are`);
    for (const [index, one] of values.entries()) {
      const raw = typeof one === 'object' && one !== null && 'raw' in one ? one.raw : one;
      assert.equal(
        raw,
        wordAt(space, capability.offset + (offsets[index] ?? 0), register.width),
        `${spec.name}.${name}`,
      );
    }
  }
}

/** `count` spaces from `seed`. What goes wrong is thrown with the space as a dump. @returns how many bytes there were */
export function fuzz(count: number, seed: number): number {
  const next = random(seed);
  let total = 0;
  for (let round = 0; round < count; round += 1) {
    const bytes = hostile(next);
    total += bytes.length;
    const start = performance.now();
    try {
      check(bytes);
      assert.ok(performance.now() - start < HANG_MS, 'took too long');
    } catch (error) {
      throw new Error(`seed ${seed}, space ${round}: ${(error as Error).stack}\n${dumpText('00:00.0', bytes)}`);
    }
  }
  return total;
}
