import type { Realm } from '../placement/realm.ts';
import { keyOf } from './keys.ts';
import { parseWorkload } from './parse.ts';
import type { StartedFile } from './record.ts';
import type { Workload } from './workload.ts';

/**
 * The file as its node gets it: with `drives.cache` and `network-filter` of the realm as further lines, for volumes and
 * NICs that say nothing themselves (checklist TC-7, TC-8). What the engine cannot do is left as it is.
 */
export function withRealmTerms(
  config: StartedFile,
  workload: Workload,
  realm: Realm | undefined,
): StartedFile {
  const wanted = realm ? linesOf(workload, realm) : [];
  if (wanted.length === 0) return config;
  const head = `${config.text.replace(/\n?$/, '\n')}# From realm ${realm?.id}:\n`;
  const lines = wanted.filter(line => parseWorkload(`${head}${line}\n`, config.file).problems.length === 0);
  return lines.length === 0 ? config : { ...config, text: `${head}${lines.join('\n')}\n` };
}

function linesOf(
  { nics, volumes }: Workload,
  { drives: { cache }, networkFilter }: Realm,
): readonly string[] {
  const caches = volumes
    .filter(volume => volume.type === 'qcow2' && volume.cache === undefined && volume.direct === undefined)
    .map(({ id }) => `${keyOf('platform.volume.<id>.cache', id)}=${cache}`);
  const filters = nics
    .filter(nic => nic.filter === undefined)
    .map(({ id }) => `${keyOf('network.<id>.filter', id)}=${networkFilter}`);
  return [...(cache === 'default' ? [] : caches), ...(networkFilter === undefined ? [] : filters)];
}
