/** The identity of a card: what the header of its config space says. */
import type { Config } from './config/config.js';
import { HEADER } from './config/header.js';

/** What the card said it is when it was opened. */
export interface Identity {
  readonly vendor: number;
  readonly device: number;
  readonly revision: number;
  /** Base class, sub-class and programming interface: 24 bits. */
  readonly classCode: number;
}

/** Asks it: reads config space. */
export function identityOf(config: Config): Identity {
  const header = config.registers(HEADER);
  return {
    vendor: header.VENDOR_ID.read(),
    device: header.DEVICE_ID.read(),
    revision: header.REVISION_ID.read(),
    classCode: (header.BASE_CLASS.read() << 16) | (header.SUB_CLASS.read() << 8) | header.PROG_IF.read(),
  };
}

/** '1234:11e8 rev 10 class 00ff00'. */
export function identityText({ vendor, device, revision, classCode }: Identity): string {
  const digits = (value: number, count: number) => value.toString(16).padStart(count, '0');
  return `${digits(vendor, 4)}:${digits(device, 4)} rev ${digits(revision, 2)} class ${digits(classCode, 6)}`;
}
