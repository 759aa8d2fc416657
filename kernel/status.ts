/**
 * What the kernel knows of its cards and what its cells declared, for front ends that show it: whoever opens a comm of this target is told
 * after each cell, once a second while one runs, and when something befalls a card, each time only what is new. Nothing of it touches a card;
 * `{ refresh: true }` from the front end does, once.
 */
import { setInterval } from 'node:timers';
import { Device } from '../lib/device.js';
import { DmaBuffer } from '../lib/dma.js';
import { Irq } from '../lib/irq.js';
import { devices } from '../lib/open.js';
import { Region } from '../lib/region.js';
import { BoundRegister, RegisterBlock } from '../lib/registers.js';
import type { StatusData } from '../lib/status.js';
import type { Channel, Channels } from './channel.js';
import { STATUS_TARGET } from './comms.js';
import { log } from './log.js';

/** A card, and the variable that holds it. */
export type CardStatus = StatusData & { readonly name: string | undefined };

export interface KernelStatus {
  /** The clock of the kernel, in milliseconds since 1970. */
  readonly now: number;
  /** The card used last comes first. */
  readonly cards: readonly CardStatus[];
  /** What the cells declared, oldest first. */
  readonly variables: readonly string[];
  /** What was asked to be refreshed is, as far as it can be. */
  readonly answers?: boolean;
  /** Why it cannot. */
  readonly failure?: string;
}

/** More names are not told. */
const NAMES_AT_MOST = 500;
/** Milliseconds. */
const EVERY = 1000;

/** What the cells declared. */
export interface Variables {
  readonly names: readonly string[];
  value(name: string): unknown;
}

export class Statuses {
  readonly #channels = new Set<Channel>();
  readonly #variables: Variables;
  readonly #used = new Map<Device, number>();
  readonly #heeded = new WeakSet<Device>();
  #told = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(channels: Channels, variables: Variables) {
    this.#variables = variables;
    channels.target(STATUS_TARGET, (channel) => {
      this.#channels.add(channel);
      channel.onClose = () => this.#channels.delete(channel);
      channel.onMessage = ({ refresh }) => {
        if (refresh === true) this.#refresh(channel);
      };
      this.#send([channel], this.#status());
    });
  }

  /** A cell begins. */
  begin(): void {
    if (this.#channels.size === 0) return;
    this.#timer ??= setInterval(() => this.tell(), EVERY).unref();
  }

  /** It has ended; `code`: its text, which tells what it used. */
  end(code: string): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#channels.size === 0) return;
    this.#use(code);
    this.tell();
  }

  /** Tells what is new. Nothing that goes wrong here is a cell's. */
  tell(): void {
    if (this.#channels.size === 0) return;
    try {
      const status = this.#status();
      const told = JSON.stringify({ ...status, now: 0 });
      if (told === this.#told) return;
      this.#told = told;
      this.#send(this.#channels, status);
    } catch (error) {
      log(`no status: ${(error as Error).stack}`);
    }
  }

  #send(channels: Iterable<Channel>, status: KernelStatus): void {
    for (const channel of channels) channel.send({ ...status });
  }

  #refresh(channel: Channel): void {
    const failures = devices().flatMap((device) => {
      try {
        device.status({ refresh: true });
        return [];
      } catch (error) {
        return [error instanceof Error ? error.message : String(error)];
      }
    });
    this.tell();
    const failure = failures.length > 0 ? { failure: failures.join('\n') } : {};
    this.#send([channel], { ...this.#status(), answers: true, ...failure });
  }

  #status(): KernelStatus {
    const { names } = this.#variables;
    const nameOf = (device: Device): string | undefined => names.find((name) => this.#variables.value(name) === device);
    const all = devices();
    for (const device of all) this.#heed(device);
    const order = [...all].sort((a, b) => (this.#used.get(b) ?? 0) - (this.#used.get(a) ?? 0));
    const cards = order.map((device) => ({ ...device.status(), name: nameOf(device) }));
    return { now: Date.now(), cards, variables: names.slice(-NAMES_AT_MOST) };
  }

  /** Told of what befalls it. */
  #heed(device: Device): void {
    if (this.#heeded.has(device)) return;
    this.#heeded.add(device);
    this.#used.set(device, this.#next());
    device.onEvent(() => this.tell());
  }

  /** A card was used by a cell that names it, or something of it: a region, a register, a buffer, an interrupt. */
  #use(code: string): void {
    const all = devices();
    if (all.length < 2) return;
    for (const [word] of code.matchAll(/[\p{L}_$][\p{L}\p{N}_$]*/gu)) {
      const path = pathOf(this.#variables.value(word));
      const device = path && all.find((each) => path === each.path || path.startsWith(`${each.path}/`));
      if (device) this.#used.set(device, this.#next());
    }
  }

  #uses = 0;
  #next(): number {
    return ++this.#uses;
  }
}

/** The path of what belongs to a card. */
function pathOf(value: unknown): string | undefined {
  const own = value instanceof RegisterBlock ? Object.values(value).flat().find(isRegister) : value;
  return OURS.some((kind) => own instanceof kind) ? (own as Device).path : undefined;
}

const OURS = [Device, Region, BoundRegister, DmaBuffer, Irq] as const;

const isRegister = (value: unknown): boolean => value instanceof BoundRegister;
