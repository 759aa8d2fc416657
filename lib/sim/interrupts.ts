/**
 * The interrupts of a simulated function as vfio-pci hands them out: INTx, masked each time it fires; MSI, one vector;
 * REQ. Every form of VFIO_DEVICE_SET_IRQS, with the kernel's answers.
 *
 * Ref: drivers/vfio/pci/vfio_pci_intrs.c
 */
import { readSync, writeSync } from 'node:fs';
import type { IrqAction, IrqName } from '../backend.js';
import { MSI_ENABLE, type PciFunction } from './function.js';
import { Refusal } from './refusal.js';

/** Vectors of each kind that the card has. */
const COUNTS: Readonly<Partial<Record<IrqName, number>>> = { intx: 1, msi: 1, req: 1 };
const NAMES: readonly IrqName[] = ['intx', 'msi', 'msix', 'err', 'req'];
const NO_EVENTFD = -1;
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);
const COUNTER = new Uint8Array(8);

/** How often an eventfd that unmasks INTx is looked at, milliseconds. */
const UNMASK_POLL_MS = 1;

export type IrqSet =
  | { readonly kind: 'none'; readonly count: number }
  | { readonly kind: 'bools'; readonly values: readonly boolean[] }
  | { readonly kind: 'eventfds'; readonly values: readonly number[] };

/** Adds one to an eventfd. Where the counter is full it stays full. */
function signal(fd: number): void {
  if (fd === NO_EVENTFD) return;
  try {
    writeSync(fd, ONE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
}

/** Takes what an eventfd counts; false when it counts nothing. */
function drained(fd: number): boolean {
  try {
    return readSync(fd, COUNTER) === COUNTER.length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
    throw error;
  }
}

export class Interrupts {
  readonly #function: PciFunction;
  #mode: 'none' | 'intx' | 'msi' = 'none';
  #masked = false;
  #virtualDisable = false;
  #trigger = NO_EVENTFD;
  #unmaskBy = NO_EVENTFD;
  #request = NO_EVENTFD;
  #message = true;
  /** A message came while MSI was enabled without an eventfd: Linux delivers it once there is one. */
  #missed = false;
  /** INTx as the interrupt controller last saw it. */
  #asserted = false;
  #nextPoll = Number.POSITIVE_INFINITY;

  constructor(pciFunction: PciFunction) {
    this.#function = pciFunction;
    pciFunction.onIntx = () => this.#fireIntx();
  }

  get msiInUse(): boolean {
    return this.#mode === 'msi';
  }

  /** Whether the MSI capability holds a message. Linux clears it, to address 0 and data 0, when the eventfd is taken away. */
  get message(): boolean {
    return this.#message;
  }

  /** The MSI message arrived. */
  fireMsi(): void {
    if (this.#mode !== 'msi') return;
    if (this.#trigger === NO_EVENTFD) this.#missed = true;
    else signal(this.#trigger);
  }

  /** The user wrote COMMAND: its INTX_DISABLE is emulated by masking. */
  set virtualDisable(disable: boolean) {
    if (disable === this.#virtualDisable) return;
    this.#virtualDisable = disable;
    if (disable) this.#mask();
    else this.#unmask();
  }

  /** The kernel restores what it had enabled. */
  reset(): void {
    if (this.#mode === 'msi') this.#function.setMsiFlags(MSI_ENABLE);
  }

  /** When `run` wants to be called next. */
  get due(): number {
    return this.#nextPoll;
  }

  run(now: number): void {
    // Before each request too: the kernel acts as the eventfd is written.
    if (this.#unmaskBy === NO_EVENTFD) return;
    this.#nextPoll = now + UNMASK_POLL_MS;
    if (drained(this.#unmaskBy)) this.#unmask();
  }

  /** VFIO_DEVICE_SET_IRQS. */
  set(index: number, action: IrqAction, start: number, data: IrqSet): void {
    const name = NAMES[index];
    const vectors = name === undefined ? 0 : (COUNTS[name] ?? 0);
    const count = data.kind === 'none' ? data.count : data.values.length;
    if (start >= vectors || start + count > vectors) throw new Refusal('EINVAL');
    if (name === 'intx') {
      if (action === 'trigger') this.#setIntx(count, data);
      else this.#setIntxMask(action, count, data);
    } else if (action !== 'trigger') {
      throw new Refusal('ENOTTY');
    } else if (name === 'msi') {
      this.#setMsi(count, data);
    } else {
      this.#setRequest(count, data);
    }
  }

  #setIntx(count: number, data: IrqSet): void {
    if (this.#mode === 'intx' && count === 0 && data.kind === 'none') {
      this.#mode = 'none';
      this.#trigger = NO_EVENTFD;
      this.#unmaskBy = NO_EVENTFD;
      this.#nextPoll = Number.POSITIVE_INFINITY;
      return;
    }
    if (this.#mode === 'msi' || count !== 1) throw new Refusal('EINVAL');
    if (data.kind === 'eventfds') {
      this.#trigger = data.values[0] ?? NO_EVENTFD;
      if (this.#mode === 'intx') return;
      this.#masked = this.#virtualDisable;
      // A line that is high already is lost on the controller, which is not listening yet.
      this.#function.intxDisabled = this.#masked;
      this.#mode = 'intx';
    } else if (this.#mode !== 'intx') {
      throw new Refusal('EINVAL');
    } else if (data.kind === 'none' || data.values[0]) {
      this.#signalIntx();
    }
  }

  #setIntxMask(action: 'mask' | 'unmask', count: number, data: IrqSet): void {
    if (this.#mode !== 'intx' || count !== 1) throw new Refusal('EINVAL');
    if (data.kind === 'eventfds') {
      if (action === 'mask') throw new Refusal('ENOTTY');
      const eventfd = data.values[0] ?? NO_EVENTFD;
      if (eventfd !== NO_EVENTFD && this.#unmaskBy !== NO_EVENTFD) throw new Refusal('EBUSY');
      this.#unmaskBy = eventfd;
      this.#nextPoll = this.#unmaskBy === NO_EVENTFD ? Number.POSITIVE_INFINITY : 0;
    } else if (data.kind === 'none' || data.values[0]) {
      if (action === 'mask') this.#mask();
      else this.#unmask();
    }
  }

  #setMsi(count: number, data: IrqSet): void {
    if (this.#mode === 'msi' && count === 0 && data.kind === 'none') {
      this.#mode = 'none';
      this.#trigger = NO_EVENTFD;
      this.#function.setMsiFlags(0);
      this.#function.intxDisabled = false;
      return;
    }
    if (this.#mode === 'intx') throw new Refusal('EINVAL');
    if (data.kind === 'eventfds') {
      if (this.#mode === 'none') {
        if (count === 0) throw new Refusal('ERANGE');
        this.#mode = 'msi';
        this.#missed = false;
        this.#message = true;
        this.#function.intxDisabled = true;
        this.#function.setMsiFlags(MSI_ENABLE);
      }
      if (count === 1) {
        const eventfd = data.values[0] ?? NO_EVENTFD;
        if (eventfd !== NO_EVENTFD) this.#message = true;
        else if (this.#trigger !== NO_EVENTFD) this.#message = false;
        this.#trigger = eventfd;
      }
      if (this.#missed && this.#trigger !== NO_EVENTFD) {
        this.#missed = false;
        signal(this.#trigger);
      }
    } else if (this.#mode !== 'msi') {
      throw new Refusal('EINVAL');
    } else if (count === 1 && (data.kind === 'none' || data.values[0])) {
      signal(this.#trigger);
    }
  }

  #setRequest(count: number, data: IrqSet): void {
    if (data.kind === 'eventfds') {
      if (count === 0) throw new Refusal('EINVAL');
      this.#request = data.values[0] ?? NO_EVENTFD;
    } else if (data.kind === 'bools') {
      if (count === 0) throw new Refusal('EINVAL');
      if (data.values[0]) signal(this.#request);
    } else {
      if (this.#request === NO_EVENTFD) throw new Refusal('EINVAL');
      if (count === 0) this.#request = NO_EVENTFD;
      else signal(this.#request);
    }
  }

  /** The level interrupt's handler: masks, then posts. */
  #fireIntx(): void {
    const rose = this.#function.asserted && !this.#asserted;
    this.#asserted = this.#function.asserted;
    if (!rose || this.#mode !== 'intx' || this.#masked) return;
    this.#masked = true;
    this.#function.intxDisabled = true;
    this.#signalIntx();
  }

  #signalIntx(): void {
    if (!this.#virtualDisable) signal(this.#trigger);
  }

  #mask(): void {
    this.#masked = true;
    this.#function.intxDisabled = true;
  }

  #unmask(): void {
    if (this.#mode !== 'intx') {
      this.#function.intxDisabled = false;
    } else if (this.#masked && !this.#virtualDisable) {
      this.#masked = false;
      // Fires at once where the line is still high.
      this.#function.intxDisabled = false;
    }
  }
}
