import { hash } from 'node:crypto';
import type { Sha256 } from '../domain/machine/genid.ts';

/** The hash of the machine id, for those layers that have no runtime of their own. */
export const sha256: Sha256 = data => hash('sha256', data, 'buffer');
