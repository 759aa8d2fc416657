/**
 * The token that a virtual function shares with its physical one: a UUID. The process that has the PF sets it; who opens a VF shows it.
 *
 * Ref: vfio_pci_validate_vf_token() in drivers/vfio/pci/vfio_pci_core.c
 */
import { UsageError } from '../errors.js';
import { isVfToken } from '../host/vf-token.js';
import type { Cause } from './refused.js';
import { physicalFunction, virtualFunctions } from './sysfs.js';

/** @throws UsageError where it is no UUID, or the device neither a PF nor a VF. */
export function checkVfToken(bdf: string, token: string): void {
  const refusal = (reason: string, hint: string) => new UsageError({ path: bdf, attempted: 'open', reason, hint });
  if (!isVfToken(token)) {
    throw refusal(`malformed VF token '${String(token)}'`, 'give a UUID, as uuidgen makes one: crypto.randomUUID()');
  }
  if (physicalFunction(bdf) === undefined && virtualFunctions(bdf) === undefined) {
    throw refusal('the device has no SR-IOV, and so takes no VF token', 'leave vfToken out');
  }
}

/** The 16 bytes, in the order of the text. */
export const tokenBytes = (token: string): Uint8Array => Uint8Array.from(Buffer.from(token.replaceAll('-', ''), 'hex'));

/** Why the kernel says EACCES. */
export function tokenRefused(bdf: string, token: string | undefined): Cause {
  const pf = physicalFunction(bdf);
  const whose =
    pf === undefined ? 'the token that its VFs are in use with' : `the token that its PF ${pf} was opened with`;
  return token === undefined
    ? ['it takes a VF token, and none was given', `give ${whose}: open('${bdf}', { vfToken: '…' })`]
    : ['the VF token is a wrong one', `give ${whose}`];
}

/** Why the kernel says EINVAL to a token that is well-formed. */
export function tokenNotTaken(bdf: string): Cause {
  const pf = physicalFunction(bdf);
  return [
    pf === undefined
      ? 'this device takes no VF token'
      : `its PF ${pf} is not bound to vfio-pci, and so there is no VF token`,
    'leave vfToken out',
  ];
}
