/** In the guest: the contract, on QEMU's edu through the kernel's vfio-pci. */
import { contract } from '../../contract.js';
import { EDU } from '../cards.js';

contract(`group:${EDU}`, { hugePages: true });
