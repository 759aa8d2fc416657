/**
 * Why `open()` would fail, and the commands that cure it. Looks only: at what the kernel has cached, and at the first bytes of the
 * device's config space, as lspci does.
 */
import { UsageError } from '../errors.js';
import { Shown, VIEW, View } from '../view.js';
import { canonicalBdf } from './bdf.js';
import { DEVICE_CHECKS } from './checks-device.js';
import { HOST_CHECKS } from './checks-host.js';
import { DEVICES } from './group.js';
import { bad, type Finding, type Subject } from './finding.js';
import { HOST, type Host } from './host.js';
import { isVfToken } from './vf-token.js';

/** What a doctor found. Data: it does not change. */
export class Diagnosis extends Shown {
  /** A BDF, or 'this host'. */
  readonly subject: string;
  readonly findings: readonly Finding[];

  constructor(subject: string, findings: readonly Finding[]) {
    super();
    this.subject = subject;
    this.findings = findings;
  }

  /** Why open() would fail. Empty: it would not. */
  get wrong(): readonly Finding[] {
    return this.findings.filter(({ tone }) => tone === 'bad');
  }

  /** The commands that cure what is wrong and what is worth a remark, in order, each once. */
  get cures(): readonly string[] {
    return [...new Set(this.findings.flatMap(({ cure }) => cure))];
  }

  [VIEW](): View {
    const count = this.wrong.length;
    const remarks = this.findings.filter(({ tone }) => tone === 'warn').length;
    const verdict =
      count > 0 ? `${count} wrong` : remarks > 0 ? `nothing is wrong, ${remarks} to know` : 'nothing is wrong';
    const rows = this.findings.flatMap(({ about, tone, text, cure }) => [
      [
        { text: MARK[tone], tone },
        { text: about, tone: 'name' as const },
        { text, tone: tone === 'good' ? ('dim' as const) : ('plain' as const) },
      ],
      ...cure.map((command) => ['', '', { text: command, tone: 'value' as const }]),
    ]);
    return new View(`${this.subject}: ${verdict}`, [], rows);
  }
}

const MARK = { good: '✓', warn: '!', bad: '✗' } as const;

export interface DoctorOptions {
  /** How a shell names the process whose limits are to be raised: '$$', or a pid. Default: this process. */
  readonly pid?: string;
  /** The VF token that open() will be given, where the device is a VF. */
  readonly vfToken?: string | undefined;
}

/**
 * Says why `open(bdf)` would fail, each reason with the commands that cure it; without a BDF, what is wrong with the host as a whole.
 * Changes nothing and opens nothing.
 *
 * @throws UsageError for a malformed BDF or VF token.
 * @example
 * doctor('0000:03:00.0')          // a table
 * doctor('0000:03:00.0').wrong    // []: open() will do
 */
export function doctor(bdf?: string, options: DoctorOptions = {}, host: Host = HOST): Diagnosis {
  const name = bdf === undefined ? '' : canonicalBdf(bdf, 'doctor');
  const { vfToken, pid = String(process.pid) } = options;
  if (vfToken !== undefined) checkToken(bdf ?? 'this host', vfToken);
  const subject: Subject = { host, bdf: name, pid, vfToken };
  const absent = name !== '' && !host.exists(`${DEVICES}/${name}`);
  const checks = name === '' || absent ? HOST_CHECKS : [...DEVICE_CHECKS, ...HOST_CHECKS];
  const findings = checks.flatMap((check) => check(subject));
  return new Diagnosis(name || 'this host', absent ? [missing(subject), ...findings] : findings);
}

function checkToken(path: string, vfToken: string): void {
  if (isVfToken(vfToken)) return;
  const hint = 'give a UUID, as uuidgen makes one';
  throw new UsageError({ path, attempted: 'doctor', reason: `malformed VF token '${vfToken}'`, hint });
}

function missing({ bdf, host }: Subject): Finding {
  const rescan = 'echo 1 >/sys/bus/pci/rescan';
  const command = host.isRoot ? rescan : `sudo sh -c '${rescan}'`;
  return bad('device', `there is no ${bdf}: see what there is with vfiolab list, or look at the bus again`, [command]);
}
