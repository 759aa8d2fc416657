/**
 * One process's part in sharing a card, on a thread that is never busy: it serves the others, or follows the one that does and takes
 * its place when it is gone. Whoever serves cleans up after those that are gone: disarms their interrupts, unmaps their arenas.
 */
import { chmodSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type IovaRange, IRQ } from '../backend.js';
import type { Blow } from '../fate.js';
import { libc, type Watch, watch } from '../native.js';
import { DMA_UNMAP, FLAG, IOAS_UNMAP, IOCTL, IRQ_SET } from '../uapi.js';
import { ARENAS, arena } from './arena.js';
import { Ledger } from './ledger.js';
import { type Packet, REPLY, REQUEST, receive, send, slotNumber, WAY, type Way } from './protocol.js';
import { sockets } from './sockets.js';

/** What a card is reached by. The fds are its process's. */
export interface Reach {
  readonly way: Way;
  /** The container's, or the iommufd. */
  readonly iommu: number;
  /** Of the way 'group'. */
  readonly group?: number | undefined;
  readonly device: number;
  /** Of the way 'iommufd'. */
  readonly ioas: number;
}

export interface Share {
  readonly folder: string;
  /** The IOMMU group's number. */
  readonly group: number;
  readonly bdf: string;
  /** All that the IOMMU maps, of which each process has an arena. */
  readonly ranges: readonly IovaRange[];
  /** Whether this process opened the card, and so serves it first. */
  readonly opened: boolean;
  /** A connection that stays, to whoever handed the card over; -1 for none. */
  readonly line: number;
  readonly reach: Reach;
}

export const lockFile = (folder: string, group: number): string => join(folder, `group-${group}.lock`);
export const socketFile = (folder: string, group: number): string => join(folder, `group-${group}.sock`);

/** How soon it is tried again where nobody serves and the door is taken, milliseconds. */
const AGAIN = 20;
/** How long a server may take to answer, milliseconds. */
export const PATIENCE = 5000;

interface Line {
  readonly socket: number;
  readonly watch: Watch;
  /** Asked to stay. */
  stays: boolean;
}

export class Sharer {
  readonly #share: Share;
  readonly #reach: Reach;
  readonly #ledger: Ledger;
  readonly #socketFile: string;
  readonly #onBlow: (blow: Blow, at: number) => void;
  readonly #onServing: (device: number) => void;
  readonly #lines = new Map<number, Line>();
  #listening: Line | undefined;
  #again: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param onServing called with the device's fd when this process becomes the one that serves */
  constructor(share: Share, onBlow: (blow: Blow, at: number) => void, onServing: (device: number) => void) {
    this.#share = share;
    this.#onBlow = onBlow;
    this.#onServing = onServing;
    const { reach } = share;
    const copy = (fd: number): number => libc().dup(fd);
    this.#reach = {
      ...reach,
      iommu: copy(reach.iommu),
      group: reach.group === undefined ? undefined : copy(reach.group),
      device: copy(reach.device),
    };
    this.#ledger = new Ledger(lockFile(share.folder, share.group));
    this.#socketFile = socketFile(share.folder, share.group);
    if (share.opened) this.#serve();
    else if (share.line >= 0) this.#follow(copy(share.line));
    else this.#settle();
  }

  /** Tells the others what befell the card. */
  tell(blow: Blow, at: number, except?: number): void {
    const words = [REPLY.BLOW, BLOWS.indexOf(blow), at >>> 0, Math.floor(at / 2 ** 32)];
    for (const { socket, stays } of this.#lines.values()) if (stays && socket !== except) send(socket, words);
  }

  /** Lets go of all that it has. Whoever follows takes over. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#again);
    if (this.#listening) {
      rmSync(this.#socketFile, { force: true });
      hangUp(this.#listening);
    }
    for (const line of this.#lines.values()) hangUp(line);
    this.#lines.clear();
    const { iommu, group, device } = this.#reach;
    for (const fd of [device, group, iommu]) if (fd !== undefined) libc().close(fd);
    this.#ledger.close();
  }

  /** Serves, or follows, whichever can be. */
  #settle(): void {
    if (this.#closed) return;
    if (this.#ledger.takeDoor()) {
      this.#serve();
      this.#onServing(this.#reach.device);
    } else if (!this.#connect()) {
      this.#again = setTimeout(() => this.#settle(), AGAIN);
      this.#again.unref();
    }
  }

  #serve(): void {
    rmSync(this.#socketFile, { force: true });
    const socket = sockets().listen(this.#socketFile);
    if (socket < 0) {
      // Without a socket nobody joins; the card is as usable as it was.
      this.#ledger.leaveDoor();
      return;
    }
    chmodSync(this.#socketFile, 0o600);
    this.#listening = { socket, stays: false, watch: watch(socket, () => this.#accept(socket)) };
    this.#sweep();
  }

  #connect(): boolean {
    const socket = sockets().connect(this.#socketFile, PATIENCE);
    if (socket < 0) return false;
    if (send(socket, [REQUEST.STAY])) this.#follow(socket);
    else libc().close(socket);
    return this.#lines.has(socket);
  }

  /** Until the other end is gone. */
  #follow(socket: number): void {
    const hear = (): void => {
      const packet = receive(socket);
      if (packet === 'none') return;
      if (packet !== 'gone') {
        this.#heard(packet, socket);
        return;
      }
      this.#hangUp(socket);
      this.#settle();
    };
    this.#lines.set(socket, { socket, stays: true, watch: watch(socket, hear) });
  }

  #accept(listening: number): void {
    const socket = sockets().accept(listening);
    if (socket < 0) return;
    // Only this user's; root's own aside, nobody else gets through the folder anyway.
    if (sockets().peer(socket)?.uid !== process.getuid?.()) {
      libc().close(socket);
      return;
    }
    const hear = (): void => {
      const packet = receive(socket);
      if (packet === 'none') return;
      if (packet === 'gone') {
        const stayed = this.#lines.get(socket)?.stays;
        this.#hangUp(socket);
        if (stayed) this.#sweep();
        return;
      }
      if (this.#lines.get(socket)?.stays) this.#heard(packet, socket);
      else this.#answer(packet, socket);
    };
    this.#lines.set(socket, { socket, stays: false, watch: watch(socket, hear) });
  }

  #answer({ words, fds }: Packet, socket: number): void {
    for (const fd of fds) libc().close(fd);
    const [request, number = 0] = words;
    const { way, iommu, group, device, ioas } = this.#reach;
    const line = this.#lines.get(socket);
    if (request === REQUEST.STAY && line) {
      line.stays = true;
      send(socket, [REPLY.OK]);
      return;
    }
    if (request === REQUEST.WAY) send(socket, [REPLY.OK, WAY[way]]);
    else if (request === REQUEST.CONTAINER && way === 'group') send(socket, [REPLY.OK], [iommu]);
    else if (request === REQUEST.GROUP && number === this.#share.group && group !== undefined)
      send(socket, [REPLY.OK], [group]);
    else if (request === REQUEST.GROUP && existsSync(`/sys/kernel/iommu_groups/${number}`)) send(socket, [REPLY.NO_FD]);
    else if (request === REQUEST.IOAS && way === 'iommufd' && number === slotNumber(this.#share.bdf))
      send(socket, [REPLY.OK, ioas], [iommu, device]);
    else if (request === REQUEST.IOAS) send(socket, [REPLY.NO_FD]);
    else send(socket, [REPLY.ERR]);
    this.#hangUp(socket);
  }

  #heard({ words, fds }: Packet, socket: number): void {
    for (const fd of fds) libc().close(fd);
    const [what, index = -1, low = 0, high = 0] = words;
    const blow = BLOWS[index];
    if (what !== REPLY.BLOW || blow === undefined) return;
    const at = high * 2 ** 32 + low;
    this.tell(blow, at, socket);
    this.#onBlow(blow, at);
  }

  /** What nobody has any more is cleaned: it may be a dead process's. */
  #sweep(): void {
    if (this.#closed) return;
    for (let index = 0; index < ARENAS; index++) this.#ledger.withArena(index, () => this.#unmap(index));
    this.#ledger.withIrqs(this.#share.bdf, () => disarm(this.#reach.device));
  }

  #unmap(index: number): void {
    unmapArena(this.#reach, this.#share.ranges, index);
  }

  #hangUp(socket: number): void {
    const line = this.#lines.get(socket);
    this.#lines.delete(socket);
    if (line) hangUp(line);
  }
}

const BLOWS: readonly Blow[] = ['req', 'err'];

function hangUp({ socket, watch }: Line): void {
  watch.close();
  libc().close(socket);
}

/** Takes every mapping of an arena away. None is half in it. */
export function unmapArena({ way, iommu, ioas }: Reach, ranges: readonly IovaRange[], index: number): void {
  for (const { first, last } of arena(ranges, index)) {
    const size = last - first + 1n;
    // Where nothing is mapped the one succeeds, the other says ENOENT.
    if (way === 'group') libc().ioctl(iommu, IOCTL.VFIO_IOMMU_UNMAP_DMA, DMA_UNMAP.pack({ iova: first, size }));
    else libc().ioctl(iommu, IOCTL.IOMMU_IOAS_UNMAP, IOAS_UNMAP.pack({ ioas_id: ioas, iova: first, length: size }));
  }
}

/** Disables INTx, MSI and MSI-X, whichever is enabled; the kernel refuses the others, and nothing is lost by that. */
export function disarm(device: number): void {
  const flags = FLAG.VFIO_IRQ_SET_DATA_NONE | FLAG.VFIO_IRQ_SET_ACTION_TRIGGER;
  for (const index of [IRQ.intx, IRQ.msi, IRQ.msix])
    libc().ioctl(device, IOCTL.VFIO_DEVICE_SET_IRQS, IRQ_SET.pack({ flags, index, start: 0, count: 0 }));
}
