/** What the simulated kernel answers instead of success: an errno, or the signal of a faulting access. */
export const REASONS = ['EINVAL', 'EEXIST', 'ENOTTY', 'EBUSY', 'ERANGE', 'SIGBUS'] as const;
export type Reason = (typeof REASONS)[number];

export class Refusal extends Error {
  readonly why: Reason;
  constructor(why: Reason) {
    super(why);
    this.why = why;
  }
}
