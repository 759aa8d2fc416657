/** The list of standard capabilities, as offsets. Ref: PCI Local Bus 3.0, 6.7 */
import { fits, HEADER_SIZE, type Space, wordAt } from './space.js';

/** An entry, or why the list ends here: 'looped' back to one seen before, 'broken': all-ones, 'denied': past the bytes that are there. */
export interface Pointer {
  readonly offset: number;
  readonly id: number;
  /** Where it points to; 0: nowhere. */
  readonly next: number;
  readonly end?: 'looped' | 'broken' | 'denied';
}

const CAP_LIST = 0x10;
const CARDBUS = 2;

export function standardPointers(space: Space): readonly Pointer[] {
  if (!fits(space, 0, HEADER_SIZE) || (wordAt(space, 0x06, 16) & CAP_LIST) === 0) return [];
  const found: Pointer[] = [];
  const seen = new Set<number>();
  const start = (wordAt(space, 0x0e, 8) & 0x7f) === CARDBUS ? 0x14 : 0x34;
  let offset = wordAt(space, start, 8) & ~3;
  while (offset !== 0) {
    const id = fits(space, offset, 4) ? wordAt(space, offset, 8) : undefined;
    const end = id === undefined ? 'denied' : seen.has(offset) ? 'looped' : id === 0xff ? 'broken' : undefined;
    if (end !== undefined || id === undefined)
      return [...found, { offset, id: id ?? 0, next: 0, end: end ?? 'denied' }];
    seen.add(offset);
    const next = wordAt(space, offset + 1, 8) & ~3;
    found.push({ offset, id, next });
    offset = next;
  }
  return found;
}

/** Where the first capability of this id is. */
export const findStandard = (space: Space, id: number): number | undefined =>
  standardPointers(space).find((one) => one.id === id && one.end === undefined)?.offset;

/** Where the last one is. */
export const findLastStandard = (space: Space, id: number): number | undefined =>
  standardPointers(space).findLast((one) => one.id === id && one.end === undefined)?.offset;
