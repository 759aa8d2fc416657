/**
 * The token that a virtual function (VF) shares with its physical one (PF), as a doctor sees it: who is asked for it, and how to have one.
 *
 * Ref: vfio_pci_validate_vf_token() in drivers/vfio/pci/vfio_pci_core.c; VFIO_DEVICE_BIND_FLAG_TOKEN in include/uapi/linux/vfio.h
 */
import { bad, type Check, good } from './finding.js';
import { DEVICES, driverOf, isVfioDriver, nodesOf } from './group.js';
import { type Holder, holdersOf } from './holders.js';
import type { Host } from './host.js';

/** A UUID. */
export const isVfToken = (text: unknown): boolean =>
  typeof text === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

/** Whether open() goes by the device's own node, which before Linux 6.18 asks for no token. */
function askedNothing(bdf: string, host: Host): boolean {
  const { device } = nodesOf(bdf, host);
  const [major = 0, minor = 0] = (host.text('/proc/sys/kernel/osrelease') ?? '').split('.').map(Number.parseFloat);
  return (
    (major < 6 || (major === 6 && minor < 18)) && device !== undefined && host.may(device) && host.may('/dev/iommu')
  );
}

const openIn = (bdfs: readonly string[], host: Host): Holder[] =>
  holdersOf(
    bdfs.flatMap((bdf) => Object.values(nodesOf(bdf, host))),
    host,
  );

const virtualFunctions = (pf: string, host: Host): string[] =>
  host
    .names(`${DEVICES}/${pf}`)
    .filter((name) => /^virtfn\d+$/.test(name))
    .flatMap((name) => host.name(`${DEVICES}/${pf}/${name}`) ?? []);

/** A VF whose PF is on vfio-pci too, and a PF while one of its VFs is open, open to who shows the token. */
export const token: Check = ({ host, bdf, vfToken }) => {
  if (!isVfioDriver(driverOf(bdf, host))) return [];
  const pf = host.name(`${DEVICES}/${bdf}/physfn`);
  const owner = pf ?? bdf;
  const vfs = virtualFunctions(owner, host);
  if (pf === undefined ? openIn(vfs, host).length === 0 : !isVfioDriver(driverOf(pf, host))) return [];
  const whose = pf === undefined ? 'its VFs are in use with one' : `a VF of ${pf}`;
  if (askedNothing(bdf, host)) return [good('VF token', `${whose}; only by way of its group this kernel asks for it`)];
  if (vfToken !== undefined) return [good('VF token', `${whose}; it opens if that is the token of ${owner}`)];
  const text = `${whose}: open() takes the VF token that ${owner} was opened with`;
  const [holder] = openIn([owner, ...vfs], host);
  if (holder !== undefined)
    return [bad('VF token', `${text}; process ${holder.pid} (${holder.command}) has it in use: give the same`)];
  const uuid = 'token=$(cat /proc/sys/kernel/random/uuid)';
  const opened = `vfiolab info ${owner} --vf-token $token >/dev/null`;
  return [bad('VF token', text, [`${uuid} && ${opened} && echo "open('${bdf}', { vfToken: '$token' })"`])];
};
