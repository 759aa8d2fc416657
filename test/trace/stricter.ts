/**
 * Where the simulated edu is stricter than QEMU 10's, on purpose: the only differences that a trace (main.ts) of the one
 * and of the other may have.
 */

export interface Stricter {
  /** What was done: the beginning of a line. */
  readonly operation: RegExp;
  /** What the simulator says to it, and what QEMU does. */
  readonly simulator: RegExp;
  readonly device: RegExp;
  readonly reason: string;
  /** Some kernels do as the simulator. */
  readonly some?: true;
}

export const STRICTER: readonly Stricter[] = [
  {
    operation: /^(read|block) bar0\S+ (8|16) /,
    simulator: /^(0xff|0xffff|all 0xff)$/,
    device: /^(0x0|all 0x0)$/,
    reason:
      "QEMU's memory core answers a read of 8 or 16 bits with 0 before the card is asked; the card itself, and a real bus, " +
      'answer all-ones. A loop that waits for a bit to clear would end at once on 0.',
  },
  {
    operation: /^dma-out-of-range /,
    simulator: /^nothing moved$/,
    device: /^moved$/,
    reason: "QEMU 10.0 only logs a transfer past the card's buffer and moves what lies behind it in its own memory.",
  },
  {
    operation: /^dma-from-write-only /,
    simulator: /^nothing moved$/,
    device: /^moved$/,
    reason:
      "older kernels' (6.12) VT-d lets a device read memory that was mapped for writing only; newer ones' (7.3) and other IOMMUs fault.",
    some: true,
  },
  {
    operation: /^(map|unmap) /,
    simulator: /^SystemError EINVAL$/,
    device: /^SystemError EOVERFLOW$/,
    reason: 'newer kernels (7.3) have an errno of its own for what ends past 64 bits.',
    some: true,
  },
];

/** A line is 'OPERATION ARGUMENTS: OUTCOME; INTERRUPTS'. */
function parts(line: string): [done: string, outcome: string, interrupts: string] {
  const [, done = line, outcome = '', interrupts = ''] = /^(.*?): (.*?)(;.*)?$/.exec(line) ?? [];
  return [done, outcome, interrupts];
}

/** The case of the list that explains why two lines differ. */
export function explained(simulator: string, device: string): Stricter | undefined {
  const [done, ours, fired] = parts(simulator);
  const [doneThere, theirs, firedThere] = parts(device);
  if (done !== doneThere || fired !== firedThere) return undefined;
  return STRICTER.find((one) => one.operation.test(`${done} `) && one.simulator.test(ours) && one.device.test(theirs));
}

/** What differs between two traces and is not in the list: the first few, readable. */
export function differences(simulator: readonly string[], device: readonly string[], most = 10): string[] {
  const found: string[] = [];
  for (let i = 0; i < Math.max(simulator.length, device.length) && found.length < most; i++) {
    const ours = simulator[i] ?? '(nothing)';
    const theirs = device[i] ?? '(nothing)';
    if (ours !== theirs && !explained(ours, theirs))
      found.push(`line ${i + 1}\n  simulator: ${ours}\n  device:    ${theirs}`);
  }
  return found;
}
