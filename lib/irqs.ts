/** The interrupt vectors of one device: which are enabled, which may be added, and the kinds that exclude each other. */
import { type Backend, type Eventfd, IRQ, type IrqInfo, type IrqName, irqLabel } from './backend.js';
import { ClosedError, type LabError, UsageError } from './errors.js';
import { Irq } from './irq.js';

/** Which vectors, 0-based: how many from 0 on, or each by its number. */
export type Vectors = number | { readonly vectors: readonly number[] };

interface Enabled {
  /** By vector. */
  readonly irqs: Map<number, Irq>;
  /** Vectors that the kernel holds for it: those below this number. */
  allocated: number;
}

/** Of these the device uses one at a time; best first. */
const SIGNALLING: readonly IrqName[] = ['msix', 'msi', 'intx'];

export class Irqs {
  readonly #backend: Backend;
  readonly #enabled = new Map<IrqName, Enabled>();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  get list(): readonly Irq[] {
    return [...this.#enabled.keys()].flatMap((kind) => this.of(kind));
  }

  /** Those of one kind, by vector. */
  of(kind: IrqName): readonly Irq[] {
    const irqs = this.#enabled.get(kind)?.irqs;
    return irqs === undefined ? [] : [...irqs.values()].sort((a, b) => a.vector - b.vector);
  }

  /** `dev.enableIrqs()` says what it throws. */
  enable(asked: IrqName | undefined, which: Vectors): [Irq, ...Irq[]] {
    const vectors = typeof which === 'number' ? undefined : which?.vectors;
    const needed = vectors === undefined ? which : vectors.length === 0 ? 0 : Math.max(...vectors) + 1;
    const info = this.#info(asked, needed);
    if (!Number.isInteger(needed) || (needed as number) < 1 || (needed as number) > info.count) {
      const text = vectors === undefined ? `${String(which)} vectors` : `vectors ${vectors.join(', ') || 'none'}`;
      throw this.#refusal(`${text} of ${irqLabel(info.name)}`, `it has ${this.#has()}`);
    }
    const list = vectors === undefined ? Array.from({ length: needed as number }, (_, i) => i) : [...vectors];
    for (const [i, vector] of list.entries()) {
      if (Number.isInteger(vector) && vector >= 0 && list.indexOf(vector) === i) continue;
      throw this.#refusal(`vectors ${list.join(', ')} of ${irqLabel(info.name)}`, 'give each number once, 0 and up');
    }
    const rival = SIGNALLING.includes(info.name)
      ? SIGNALLING.find((other) => other !== info.name && this.#enabled.has(other))
      : undefined;
    if (rival !== undefined) {
      const reason = `${irqLabel(rival)} is enabled, and a device signals in one way at a time`;
      throw this.#refusal(reason, `dev.disableIrqs('${rival}') first`);
    }
    return this.#arm(info, list) as [Irq, ...Irq[]];
  }

  /** Disarms vectors of one kind, all of them by default; waits on them end. */
  disable(kind: IrqName, vectors?: readonly number[]): void {
    const enabled = this.#enabled.get(kind);
    if (enabled === undefined) return;
    const ended = vectors === undefined ? [...enabled.irqs.keys()] : vectors.filter((each) => enabled.irqs.has(each));
    const reason = 'the interrupt was disabled';
    if (ended.length === enabled.irqs.size) {
      this.#backend.setIrqs(IRQ[kind], 'trigger', 0, { none: 0 });
      this.#enabled.delete(kind);
    } else {
      for (const vector of ended) this.#backend.setIrqs(IRQ[kind], 'trigger', vector, { eventfds: [undefined] });
    }
    for (const vector of ended) {
      endIrq(enabled.irqs.get(vector), reason, 'enable it again with dev.enableIrqs()');
      enabled.irqs.delete(vector);
    }
  }

  disableAll(): void {
    for (const kind of [...this.#enabled.keys()]) this.disable(kind);
  }

  /** The device is closed, and disarms them all itself. `why` makes the error that waits end with. */
  close(why: (path: string, attempted: string) => LabError): void {
    for (const { irqs } of this.#enabled.values()) {
      for (const irq of irqs.values()) irq.end(why(irq.path, 'wait'));
    }
    this.#enabled.clear();
  }

  /** The kind that was asked for, or the best that has so many vectors. */
  #info(asked: IrqName | undefined, needed: unknown): IrqInfo {
    const { irqs } = this.#backend;
    if (asked === undefined) {
      const kinds = SIGNALLING.flatMap((name) => irqs.filter((info) => info.name === name));
      const found = kinds.find(({ count }) => count >= Number(needed)) ?? kinds[0];
      if (found !== undefined) return found;
      throw this.#refusal('the device has no INTx, MSI or MSI-X', `it has ${this.#has()}`);
    }
    if (!Object.hasOwn(IRQ, asked)) {
      throw this.#refusal(`unknown kind '${String(asked)}'`, "use 'intx', 'msi', 'msix', 'err' or 'req'");
    }
    const info = irqs.find(({ name }) => name === asked);
    if (info !== undefined) return info;
    throw this.#refusal(`the device has no ${irqLabel(asked)}`, `it has ${this.#has()}`);
  }

  /** Arms the first vectors of a kind, or adds to them. */
  #arm(info: IrqInfo, list: readonly number[]): Irq[] {
    const before = this.#enabled.get(info.name);
    const needed = Math.max(...list) + 1;
    if (before !== undefined) this.#checkAddable(info, before, list);
    const eventfds = new Map<number, Eventfd>();
    const done: number[] = [];
    try {
      for (const vector of list) eventfds.set(vector, this.#backend.eventfd());
      if (before === undefined) {
        const all = Array.from({ length: needed }, (_, vector) => eventfds.get(vector));
        this.#backend.setIrqs(info.index, 'trigger', 0, { eventfds: all });
      } else {
        for (const [vector, eventfd] of eventfds) {
          this.#backend.setIrqs(info.index, 'trigger', vector, { eventfds: [eventfd] });
          done.push(vector);
        }
      }
    } catch (error) {
      for (const vector of done) this.#backend.setIrqs(info.index, 'trigger', vector, { eventfds: [undefined] });
      for (const eventfd of eventfds.values()) eventfd.close();
      throw error;
    }
    const enabled = before ?? { irqs: new Map<number, Irq>(), allocated: 0 };
    enabled.allocated = Math.max(enabled.allocated, needed);
    this.#enabled.set(info.name, enabled);
    return [...eventfds].map(([vector, eventfd]) => {
      const irq = new Irq(this.#backend, info, vector, eventfd);
      enabled.irqs.set(vector, irq);
      return irq;
    });
  }

  #checkAddable({ name, noresize }: IrqInfo, { irqs, allocated }: Enabled, list: readonly number[]): void {
    const twice = list.find((vector) => irqs.has(vector));
    if (twice !== undefined) {
      const which = irqs.size === 1 && twice === 0 ? '' : `vector ${twice} of `;
      throw this.#refusal(`${which}${irqLabel(name)} is enabled already`, `dev.disableIrqs('${name}') first`);
    }
    const beyond = list.find((vector) => vector >= allocated);
    if (!noresize || beyond === undefined) return;
    const all = [...irqs.keys(), ...list].sort((a, b) => a - b).join(', ');
    throw this.#refusal(
      `vector ${beyond} cannot be added: the kernel made ${allocated} of ${irqLabel(name)} when the first were enabled, ` +
        'and adds none later (VFIO_IRQ_INFO_NORESIZE)',
      `dev.disableIrqs('${name}'), then dev.enableIrqs('${name}', { vectors: [${all}] })`,
    );
  }

  #has(): string {
    return this.#backend.irqs.map(({ name, count }) => `${irqLabel(name)} (${count})`).join(', ') || 'no interrupts';
  }

  #refusal(reason: string, hint: string): UsageError {
    return new UsageError({ path: this.#backend.path, attempted: 'enableIrqs', reason, hint });
  }
}

function endIrq(irq: Irq | undefined, reason: string, hint: string): void {
  irq?.end(new ClosedError({ path: irq.path, attempted: 'wait', reason, hint }));
}
