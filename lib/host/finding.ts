/** What a doctor finds, and what a check is. */
import type { Tone } from '../view.js';
import type { Host } from './host.js';

/** One thing that was looked at. */
export interface Finding {
  /** 'IOMMU', 'driver', 'group', 'memlock'. */
  readonly about: string;
  /** 'bad': open() fails. 'warn': it opens, and something will not work. 'good'. */
  readonly tone: Extract<Tone, 'good' | 'warn' | 'bad'>;
  readonly text: string;
  /** Commands that cure it, in order; empty where no command can, as for a switch in the firmware. */
  readonly cure: readonly string[];
}

/** What one check looks at. */
export interface Subject {
  readonly host: Host;
  /** '' where the host as a whole is meant. */
  readonly bdf: string;
  /** How a shell that these commands are pasted into names the process to be cured: '$$', or a pid. */
  readonly pid: string;
  /** The VF token that open() would be given. */
  readonly vfToken?: string | undefined;
}

/** A check: nothing where it does not apply. */
export type Check = (subject: Subject) => readonly Finding[];

export const good = (about: string, text: string): Finding => ({ about, tone: 'good', text, cure: [] });
export const warn = (about: string, text: string, cure: readonly string[] = []): Finding => ({
  ...{ about, tone: 'warn', text, cure },
});
export const bad = (about: string, text: string, cure: readonly string[] = []): Finding => ({
  ...{ about, tone: 'bad', text, cure },
});
