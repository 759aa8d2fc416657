/** What this process holds of VFIO: fds and mappings. Empty when everything was closed. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export function held(): string[] {
  const fds = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return [...fds, ...maps.filter((line) => line.includes('anon_inode'))].filter((name) =>
    /\/dev\/(vfio|iommu)|vfio-device/.test(name),
  );
}
