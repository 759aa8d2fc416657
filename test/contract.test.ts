/** The contract on the simulated edu. */
import { readFileSync } from 'node:fs';
import { contract } from './contract.js';

const free = () => {
  try {
    return Number(readFileSync('/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages', 'utf8'));
  } catch {
    return 0;
  }
};

contract('sim:edu', { hugePages: free() > 0 });
