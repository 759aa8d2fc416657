/**
 * A process's place at a shared card, as main holds it: whether it opened the card or was handed it, its arena of IOVAs, and the card's
 * interrupts while they are its.
 */
import { type Holder, type IovaRange, IRQ, type IrqAction, type IrqData } from '../backend.js';
import { SystemError, UsageError } from '../errors.js';
import { libc } from '../native.js';
import { ARENAS, arena } from './arena.js';
import { runtimeFolder } from './folder.js';
import { Ledger, pause } from './ledger.js';
import { type Packet, REPLY, REQUEST, receive, send, slotNumber, WAY } from './protocol.js';
import { disarm, lockFile, PATIENCE, type Reach, type Share, socketFile, unmapArena } from './sharer.js';
import { sockets } from './sockets.js';

/** What another process handed over. The device's own fd comes with an IOAS; from a group it is asked for. */
export type Handed = Omit<Reach, 'device'> & { readonly device: number | undefined };

const NOT_YET = 5;
/** How long a process that ends may still have the card open, milliseconds. */
const ENDING = 300;
/** What opening a card says that somebody has: a node of its own is then refused with EINVAL. */
const BUSY: readonly (string | undefined)[] = ['EBUSY', 'EINVAL'];

export class Seat {
  readonly #folder: string;
  readonly #group: number;
  readonly #bdf: string;
  readonly #ledger: Ledger;
  readonly #arena: number;
  /** Undefined: this process opens the card. */
  readonly handed: Handed | undefined;
  /** Whether others may join by way of this process. */
  readonly serves: boolean;
  /** A connection by which whoever serves sees that this process ends, and tells what befalls the card. */
  #line = -1;
  /** The kinds of interrupt that this process has enabled. */
  readonly #armed = new Set<number>();

  /**
   * Waits, without the event loop, for as long as another process is just opening or leaving the card.
   *
   * @throws SystemError where a process has the card and does not answer; UsageError where too many share it.
   */
  constructor(bdf: string, group: number, serves: boolean) {
    this.#bdf = bdf;
    this.#group = group;
    this.serves = serves;
    this.#folder = runtimeFolder();
    this.#ledger = new Ledger(lockFile(this.#folder, group));
    try {
      this.handed = this.#sit();
      this.#arena = this.#lease();
    } catch (error) {
      this.#ledger.close();
      throw error;
    }
  }

  #sit(): Handed | undefined {
    for (const deadline = Date.now() + 2 * PATIENCE; ; pause(NOT_YET)) {
      if (this.#ledger.takeDoor()) return undefined;
      const handed = this.#ask();
      if (handed) return handed;
      if (Date.now() <= deadline) continue;
      throw new SystemError({
        path: this.#bdf,
        attempted: 'open, share',
        reason: `${told(this.#ledger.doorHolder)} has the card and does not answer`,
        hint: 'is it stopped? let it go on, or end it',
      });
    }
  }

  /** What whoever serves hands over; undefined where nobody does at the moment. */
  #ask(): Handed | undefined {
    const way = this.#request([REQUEST.WAY])?.words[1];
    if (way === WAY.group) {
      const [iommu] = this.#request([REQUEST.CONTAINER])?.fds ?? [];
      const [group] = this.#request([REQUEST.GROUP, this.#group])?.fds ?? [];
      if (iommu !== undefined && group !== undefined) return { way: 'group', iommu, group, ioas: 0, device: undefined };
      closeAll([iommu, group]);
    } else if (way === WAY.iommufd) {
      const { words, fds } = this.#request([REQUEST.IOAS, slotNumber(this.#bdf)]) ?? { words: [], fds: [] };
      const [, ioas] = words;
      const [iommu, device] = fds;
      if (ioas !== undefined && iommu !== undefined && device !== undefined)
        return { way: 'iommufd', iommu, ioas, device };
      closeAll(fds);
    }
    return undefined;
  }

  /** One connection, one answer. */
  #request(words: readonly number[]): Packet | undefined {
    const socket = sockets().connect(socketFile(this.#folder, this.#group), PATIENCE);
    if (socket < 0) return undefined;
    try {
      if (sockets().peer(socket)?.uid !== process.getuid?.() || !send(socket, words)) return undefined;
      const packet = receive(socket, true);
      return typeof packet === 'string' || packet.words[0] !== REPLY.OK ? undefined : packet;
    } finally {
      libc().close(socket);
    }
  }

  #lease(): number {
    const index = this.#ledger.takeArena();
    if (index !== undefined) return index;
    if (this.handed) closeHanded(this.handed);
    const reason = `${ARENAS} processes share it already`;
    throw new UsageError({ path: this.#bdf, attempted: 'open, share', reason, hint: 'close it in one of them' });
  }

  /** The pieces of the IOMMU's ranges that are this process's. */
  arena(ranges: readonly IovaRange[]): readonly IovaRange[] {
    return arena(ranges, this.#arena);
  }

  /** Once the card is reached: what a dead process left in the arena goes away. */
  begin(reach: Reach, ranges: readonly IovaRange[]): void {
    if (this.handed === undefined) return;
    unmapArena(reach, ranges, this.#arena);
    this.#line = sockets().connect(socketFile(this.#folder, this.#group), PATIENCE);
    if (this.#line >= 0) send(this.#line, [REQUEST.STAY]);
  }

  /** For the thread that shares the card with others. */
  share(reach: Reach, ranges: readonly IovaRange[]): Share | undefined {
    if (!this.serves) return undefined;
    const opened = this.handed === undefined;
    return { folder: this.#folder, group: this.#group, bdf: this.#bdf, ranges, opened, line: this.#line, reach };
  }

  /** The other processes that share the card now. */
  get others(): readonly Holder[] {
    return this.#ledger.others;
  }

  /** The other process that has the interrupts. */
  get irqHolder(): Holder | undefined {
    return this.#ledger.irqHolder(this.#bdf);
  }

  /**
   * Around VFIO_DEVICE_SET_IRQS: enabling vectors makes the card's interrupts this process's, until it has disabled them all.
   * @throws UsageError where another process has them.
   */
  withIrqs(device: number, index: number, action: IrqAction, data: IrqData, act: () => void): void {
    if (action !== 'trigger' || !SIGNALLING.includes(index)) {
      act();
      return;
    }
    const enables = 'eventfds' in data;
    if (enables && this.#armed.size === 0) this.#claimIrqs(device);
    const fresh = enables && !this.#armed.has(index);
    if (enables) this.#armed.add(index);
    try {
      act();
      if ('none' in data && data.none === 0) this.#armed.delete(index);
    } catch (error) {
      if (fresh) this.#armed.delete(index);
      throw error;
    } finally {
      if (this.#armed.size === 0) this.#ledger.leaveIrqs(this.#bdf);
    }
  }

  #claimIrqs(device: number): void {
    if (!this.#ledger.takeIrqs(this.#bdf)) {
      const reason = `${told(this.irqHolder)} has its interrupts, and one process at a time can`;
      const hint = 'disable them there first: dev.disableIrqs()';
      throw new UsageError({ path: this.#bdf, attempted: 'enableIrqs', reason, hint });
    }
    // A process that was killed may have left some enabled.
    disarm(device);
  }

  /** While everything is still open: leaves the card as the others need it. */
  clean(reach: Reach, ranges: readonly IovaRange[]): void {
    if (this.#armed.size > 0) disarm(reach.device);
    this.#armed.clear();
    unmapArena(reach, ranges, this.#arena);
  }

  /** After everything was closed: another process may take what was this one's. */
  leave(): void {
    if (this.#line >= 0) libc().close(this.#line);
    this.#ledger.close();
  }
}

const SIGNALLING: readonly number[] = [IRQ.intx, IRQ.msi, IRQ.msix];

/** 'process 1234 (node)'. */
export const told = (holder: Holder | undefined): string =>
  holder === undefined ? 'another process' : `process ${holder.pid} (${holder.command})`;

/** Instead of opening the card by them. */
export function closeHanded({ iommu, group, device }: Handed): void {
  closeAll([device, group, iommu]);
}

function closeAll(fds: readonly (number | undefined)[]): void {
  for (const fd of fds) if (fd !== undefined) libc().close(fd);
}

/**
 * Opens a card at a seat of its own, or joins whoever has it. What another process that shares it is just leaving is tried again.
 *
 * @param open builds the card from what the seat was handed, or anew; a seat that it throws for is left
 */
export function seated<T>(bdf: string, group: number, serves: boolean, open: (seat: Seat) => T): T {
  for (const start = Date.now(); ; pause(NOT_YET)) {
    const seat = new Seat(bdf, group, serves);
    try {
      return open(seat);
    } catch (error) {
      // The one that served is gone, and none of the others has taken over yet; or it is still ending, and has the card open though it
      // has no lock any more.
      const patience = seat.others.length > 0 ? PATIENCE : ENDING;
      const inTheWay = seat.handed === undefined && error instanceof SystemError && BUSY.includes(error.errno);
      seat.leave();
      if (!inTheWay || Date.now() - start > patience) throw error;
    }
  }
}
