/**
 * A card's virtual functions (SR-IOV): how many there are. Its driver makes them, and vfio-pci only where it was told that it may.
 *
 * Ref: Linux Documentation/ABI/testing/sysfs-bus-pci (sriov_numvfs), Documentation/PCI/pci-iov-howto.rst
 */
import { SystemError, UsageError } from '../errors.js';
import { canonicalBdf } from './bdf.js';
import { checkFree } from './bind.js';
import { DEVICES, driverOf, isVfioDriver } from './group.js';
import { HOST, type Host } from './host.js';
import { perform } from './steps.js';

/** Whether vfio-pci enables VFs. */
const ENABLE = '/sys/module/vfio_pci/parameters/enable_sriov';

/**
 * Makes `count` virtual functions of the physical function `bdf`; 0 takes them away. The kernel gives the VFs of a PF that is bound to
 * vfio-pci to vfio-pci too. Needs root.
 *
 * @returns the BDFs of the VFs.
 * @throws UsageError for a device without SR-IOV, or a count that it cannot have; SystemError where its driver cannot make VFs, a VF to
 * be taken away is open (the kernel would wait for it), or the write fails.
 * @example const [vf] = enableVfs('0000:03:00.0', 2)
 */
export function enableVfs(bdf: string, count: number, host: Host = HOST): string[] {
  const attempted = 'enableVfs';
  const pf = canonicalBdf(bdf, attempted);
  const folder = `${DEVICES}/${pf}`;
  const usage = (reason: string, hint: string) => new UsageError({ path: pf, attempted, reason, hint });
  const refusal = (reason: string, hint: string, errno?: string) =>
    new SystemError({ path: pf, attempted, reason, hint, errno });
  if (!host.exists(folder)) throw refusal('there is no such device', 'see what there is: lspci -D', 'ENOENT');
  const total = host.number(`${folder}/sriov_totalvfs`);
  if (total === undefined) {
    const owner = host.name(`${folder}/physfn`);
    throw owner === undefined
      ? usage('the device has no SR-IOV', "`vfiolab decode` shows a card's capabilities")
      : usage(`it is a virtual function of ${owner}`, `ask that: enableVfs('${owner}', ${String(count)})`);
  }
  if (!Number.isInteger(count) || count < 0 || count > total) {
    throw usage(`${String(count)} VFs`, `it can have 0 to ${total}`);
  }
  const now = host.number(`${folder}/sriov_numvfs`) ?? 0;
  if (now !== count) {
    if (now > 0 && count > 0)
      throw usage(`it has ${now} VFs, and goes to ${count} by way of 0`, `enableVfs('${pf}', 0) first`);
    const driver = driverOf(pf, host);
    if (driver === undefined) {
      throw refusal('no driver has the device, and its driver makes the VFs', `bind it: vfiolab bind ${pf}`, 'ENOENT');
    }
    if (isVfioDriver(driver) && count > 0 && host.text(ENABLE) === 'N') {
      throw refusal('vfio-pci may not enable SR-IOV', `allow it: echo 1 | sudo tee ${ENABLE}`, 'ENOENT');
    }
    for (const vf of virtualFunctions(folder, host)) checkFree(vf, host, attempted);
    perform({ write: `${folder}/sriov_numvfs`, text: String(count) }, pf, host);
  }
  return virtualFunctions(folder, host);
}

/** In their own order: virtfn0, virtfn1, … */
function virtualFunctions(folder: string, host: Host): string[] {
  const links = host.names(folder).filter((name) => /^virtfn\d+$/.test(name));
  const numbers = links.map((name) => Number(name.slice('virtfn'.length))).sort((a, b) => a - b);
  return numbers.flatMap((number) => host.name(`${folder}/virtfn${number}`) ?? []);
}
