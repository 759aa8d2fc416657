/** Which functions are meant: lspci's -s and -d. All numbers are hexadecimal. Ref: lspci(8) of pciutils 3.15 */
import { UsageError } from '../errors.js';

/** What -d looks at. `classCode` has 24 bits: base class, subclass, programming interface. */
export interface Ids {
  readonly vendor: number;
  readonly device: number;
  readonly classCode: number;
}

const SLOT = /^(?:(?:([0-9a-f]{1,8}|\*)?:)?([0-9a-f]{1,2}|\*)?:)?(?:([01]?[0-9a-f]|\*)?(?:\.([0-7]|\*)?)?)?$/i;
const ID = /^([0-9a-f]{1,4}|\*)?:([0-9a-f]{1,4}|\*)?(?::([0-9a-fx]{1,4}|\*)?(?::([0-9a-fx]{1,2}|\*)?)?)?$/i;

/**
 * '[[[[DOMAIN]:]BUS]:][SLOT][.[FUNCTION]]': what is left out, or '*', may be anything; a slot without a domain is of any.
 *
 * @throws UsageError for what is no such filter.
 */
export function slotFilter(text: string, path: string): (slot: string) => boolean {
  const match = SLOT.exec(text);
  if (match === null) {
    const hint = 'use [[[[DOMAIN]:]BUS]:][SLOT][.[FUNCTION]], such as 01:00.0, 1f.2 or .3';
    throw new UsageError({ path, attempted: `-s ${text}`, reason: 'not a slot', hint });
  }
  const wanted = match.slice(1);
  return (slot) => {
    const parts = slotParts(slot);
    return wanted.every(
      (part, index) => part === undefined || part === '*' || Number.parseInt(part, 16) === parts[index],
    );
  };
}

/** '[VENDOR]:[DEVICE][:CLASS[:PROG-IF]]'; in CLASS and PROG-IF an x stands for any digit. @throws UsageError */
export function idFilter(text: string, path: string): (ids: Ids) => boolean {
  const match = ID.exec(text);
  if (match === null) {
    const hint = 'use [VENDOR]:[DEVICE][:CLASS[:PROG-IF]], such as 8086:, :10d3 or ::0200';
    throw new UsageError({ path, attempted: `-d ${text}`, reason: 'not an ID', hint });
  }
  const [vendor, device, code, progIf] = match.slice(1).map((part) => (part === '*' ? undefined : part?.toLowerCase()));
  const fits = (pattern: string | undefined, value: number, digits: number) =>
    pattern === undefined ||
    [...pattern.padStart(digits, '0')].every((digit, at) => {
      return digit === 'x' || digit === value.toString(16).padStart(digits, '0')[at];
    });
  return (ids) =>
    fits(vendor, ids.vendor, 4) &&
    fits(device, ids.device, 4) &&
    fits(code, ids.classCode >>> 8, 4) &&
    fits(progIf, ids.classCode & 0xff, 2);
}

/** Domain, bus, slot, function; a domain that is not written is 0. */
export function slotParts(slot: string): readonly number[] {
  const parts = /^(?:([0-9a-f]+):)?([0-9a-f]+):([0-9a-f]+)\.([0-7])$/i.exec(slot)?.slice(1) ?? [];
  return parts.map((part) => Number.parseInt(part ?? '0', 16));
}

/** A device's own slot, out of how errors name it; '00:00.0' where it has none, as a simulated one. */
export const slotOf = (path: string): string =>
  /(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/i.exec(path)?.[0] ?? '00:00.0';
