/** A system call or ioctl that the kernel refused, as an error: each caller brings a table of what an errno means there. */
import { SystemError } from '../errors.js';
import { errnoName } from '../native.js';

/** Why, and what to do next. */
export type Cause = readonly [reason: string, hint: string];
/** By errno name; a getter where finding it out takes looking around. */
export type Causes = Readonly<Partial<Record<string, Cause>>>;

/** Holds wherever a caller has nothing better to say. */
const COMMON: Causes = {
  EMFILE: ['this process has no file descriptor left', 'raise the limit: ulimit -n'],
  ENODEV: ['the device is gone', 'check that it is still there: lspci -D; then open it again'],
};

/** The result, or, where it is -errno, a SystemError that says what was attempted, why it failed and what to do. */
export function granted(result: number, path: string, attempted: string, causes: Causes = {}): number {
  if (result >= 0) return result;
  const errno = errnoName(-result);
  const [reason, hint] = causes[errno] ??
    COMMON[errno] ?? ['the kernel refused', "see the end of the kernel's log: dmesg | tail"];
  throw new SystemError({ path, attempted, reason, errno, hint });
}
