/** In the guest: the contract, on QEMU's edu through the kernel's vfio-pci, by each path that this kernel has. */
import { contract } from '../../contract.js';
import { EDU } from '../cards.js';
import { PATHS } from './paths.js';

for (const path of PATHS) contract(`${path}:${EDU}`, { hugePages: true });
