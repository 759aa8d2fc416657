/** Which processes have a file open, as far as /proc shows it: of other users' processes only root sees the files. */
import { canonicalBdf } from './bdf.js';
import { nodesOf } from './group.js';
import { HOST, type Host } from './host.js';

export interface Holder {
  readonly pid: number;
  /** Its command line, or the name of a process that has none. */
  readonly command: string;
  /** How many fds of the files it has. */
  readonly count: number;
}

/**
 * The processes that have one of `nodes` open.
 *
 *     holdersOf(['/dev/vfio/7'])   // [{ pid: 4711, command: 'node /usr/bin/vfiolab 0000:03:00.0', count: 1 }]
 */
export function holdersOf(nodes: readonly string[], host: Host = HOST): Holder[] {
  const has = (pid: string, fd: string): boolean => nodes.includes(host.link(`/proc/${pid}/fd/${fd}`) ?? '');
  return host
    .names('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .map((pid) => ({ pid, count: host.names(`/proc/${pid}/fd`).filter((fd) => has(pid, fd)).length }))
    .filter(({ count }) => count > 0)
    .map(({ pid, count }) => ({ pid: Number(pid), command: commandOf(pid, host), count }));
}

function commandOf(pid: string, host: Host): string {
  const line = host.text(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ').trim();
  return line || host.text(`/proc/${pid}/comm`) || 'ended';
}

/**
 * Whether a card is open, and by whom: the processes that have its IOMMU group or its own node open, this one too. Of other users' processes
 * only root sees it.
 *
 * @throws UsageError for a malformed BDF.
 * @example holders('0000:03:00.0').map(({ pid, command }) => `${pid} ${command}`)
 */
export function holders(bdf: string, host: Host = HOST): Holder[] {
  return holdersOf(Object.values(nodesOf(canonicalBdf(bdf, 'holders'), host)), host);
}
