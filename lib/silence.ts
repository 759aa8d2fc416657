/** Why an interrupt does not come: the usual reasons that can be seen from outside the device. */
import { type Backend, type IrqName, irqLabel, REGION } from './backend.js';
import { TimeoutError } from './errors.js';

interface Cause {
  readonly what: string;
  readonly cure: string;
}

const COMMAND = 0x04;
const MASTER = 1 << 2;
const INTX_DISABLE = 1 << 10;

/** Reads COMMAND. ERR and REQ come from the kernel, and have no reason that the device would show. */
function causesOf(backend: Backend, kind: IrqName, masked: boolean): Cause[] {
  const causes: Cause[] = [];
  let command: number;
  try {
    command = backend.read(REGION.CONFIG, COMMAND, 16) as number;
  } catch (error) {
    return [{ what: `COMMAND cannot be read (${(error as Error).message})`, cure: 'is the card still there?' }];
  }
  if (command === 0xffff)
    return [{ what: 'config space reads all-ones', cure: 'is the card still there, and powered?' }];
  if (kind === 'intx' && (command & INTX_DISABLE) !== 0) {
    causes.push({
      what: 'INTx is disabled (COMMAND.INTX_DISABLE)',
      cure: 'dev.config.registers(HEADER).COMMAND.modify({ INTX_DISABLE: 0 })',
    });
  }
  if ((kind === 'msi' || kind === 'msix') && (command & MASTER) === 0) {
    causes.push({ what: `bus mastering is off, and ${irqLabel(kind)} is a bus write`, cure: 'dev.busMaster(true)' });
  }
  if (masked) {
    causes.push({
      what: 'the vector is masked since it last fired',
      cure: 'acknowledge it in the device, then irq.unmask()',
    });
  }
  return causes;
}

/** What is known of a vector that did not fire. */
interface Awaited {
  readonly kind: IrqName;
  /** '0000:03:00.0/msi[0]'. */
  readonly path: string;
  readonly masked: boolean;
}

/** What a wait on all of these says at its deadline. */
export function silent(backend: Backend, irqs: readonly Awaited[], timeout: number): TimeoutError {
  const causes = new Map(
    irqs.flatMap(({ kind, masked }) => causesOf(backend, kind, masked)).map((cause) => [cause.what, cause.cure]),
  );
  const [cure] = causes.values();
  const names = irqs.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)).join(', ');
  const [first] = irqs;
  return new TimeoutError({
    path: first === undefined || irqs.length > 1 ? backend.path : first.path,
    attempted: 'wait',
    reason:
      `no interrupt${irqs.length > 1 ? ` of ${names}` : ''} within ${timeout} ms` +
      (causes.size === 0 ? '' : `: ${[...causes.keys()].join('; ')}`),
    hint:
      cure ??
      "check the device's own interrupt enable and status registers; irq.trigger() tests the path from the kernel to here",
  });
}
