/** BDFs: domain, bus, device, function. Domains have four digits and more: 10001:80:05.0. */
import { UsageError } from '../errors.js';

const BDF = /^(?:(?<domain>[0-9a-f]{4,8}):)?(?<bus>[0-9a-f]{2}):(?<slot>[01][0-9a-f])\.(?<fn>[0-7])$/i;

/** '0000:03:00.0' of '03:00.0'; '3:00.0' is none. @throws UsageError */
export function canonicalBdf(text: string, attempted: string): string {
  const groups = BDF.exec(text)?.groups;
  if (groups !== undefined) return `${groups.domain ?? '0000'}:${groups.bus}:${groups.slot}.${groups.fn}`.toLowerCase();
  const hint = 'write it as lspci -D does: 0000:03:00.0; `vfiolab list` shows the cards';
  throw new UsageError({ path: text || "''", attempted, reason: `'${text}' is not a BDF`, hint });
}
