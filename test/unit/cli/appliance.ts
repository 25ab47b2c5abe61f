import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fakePxend } from './pxend.ts';

const SITE = {
  httpBase: 'http://10.77.0.1',
  address: '10.77.0.1',
  publicKey: 'ssh-ed25519 AAAA',
  interval: 10,
};

/** A node that is up, as pxend would tell of it. */
export function nodeOf(facts: object): object {
  const times = { firstSeenAt: 0, lastSeenAt: 0, reportedAt: 0 };
  return { state: 'up', macs: [], agreement: {}, boots: [], ...times, ...facts };
}

/** The root of an appliance with one machine folder `n1` (11111111) and a group `web`, and a pxend that knows these nodes. */
export async function appliance(nodes: readonly object[]) {
  const play: { nodes: readonly object[]; detail?: object } = {
    nodes,
    ...(nodes[0] && { detail: nodes[0] }),
  };
  const { root, stop } = await fakePxend(play);
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  write('var/pxen/state/site.json', JSON.stringify(SITE));
  write('host0/groups/web/manifest', '');
  write('host0/machines/n1/UUID', '11111111');
  write('host0/machines/n1/manifest', '');
  return { root, play, stop, write };
}
