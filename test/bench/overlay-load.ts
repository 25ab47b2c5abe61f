/** Builds overlays as pxend does, in its own process: prints an `OverlayResult` as JSON. `overlay-load.ts ROOT` */

import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { placesUnder } from '../../src/domain/config/places.ts';
import { openOverlays } from '../../src/server/overlays.ts';

export interface OverlayResult {
  /** Seconds for all: with new keys for every machine, and after a change of a file that is in all of them. */
  readonly first: number;
  readonly again: number;
  readonly firstCpu: number;
  readonly againCpu: number;
  readonly problems: number;
}

const [root = ''] = process.argv.slice(2);
const overlays = openOverlays(placesUnder(root), async () => ({
  httpBase: 'http://10.77.0.1',
  address: '10.77.0.1',
  publicKey: 'ssh-ed25519 AAAA host0',
  interval: 30,
}));

let problems = 0;
async function timed(): Promise<{ seconds: number; cpu: number }> {
  const began = performance.now();
  const before = process.cpuUsage();
  const report = await overlays.build();
  problems += report.problems.length;
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - began) / 1000, cpu: (user + system) / 1e6 };
}

const first = await timed();
appendFileSync(join(root, 'host0/files/shared-0'), 'changed\n');
const again = await timed();
const result: OverlayResult = {
  first: first.seconds,
  again: again.seconds,
  firstCpu: first.cpu,
  againCpu: again.cpu,
  problems,
};
console.log(JSON.stringify(result));
