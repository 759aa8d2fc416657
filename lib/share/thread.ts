/** The library's own attendant: a thread that looks after the shared cards of a process which has no other for it. */
import { parentPort } from 'node:worker_threads';
import { attend } from './attendant.js';

if (parentPort === null) throw new Error('thread.js is a worker');
attend(parentPort);
