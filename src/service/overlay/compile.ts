import type { Diagnostic } from '../../base/diagnostic.ts';
import type { MachineId } from '../../domain/machine/genid.ts';
import {
  type Credentials,
  HOSTNAME_PATH,
  machineLayer,
  type SiteFacts,
  siteLayer,
  without,
} from '../../domain/overlay/builtin.ts';
import type { Layer, LoadedLayer } from '../../domain/overlay/layer.ts';
import { type OverlayPlan, planOverlay } from '../../domain/overlay/plan.ts';
import type { MachineFolder } from './load.ts';

/** An overlay, decided but not packed. */
export interface Compiled {
  readonly layers: readonly Layer[];
  readonly plan: OverlayPlan;
  /** All problems of all folders that take part; with one or more of them nothing may be packed. */
  readonly problems: readonly Diagnostic[];
}

/** What an overlay is made of besides the folder itself. */
export interface Ingredients {
  readonly base: LoadedLayer;
  readonly site: SiteFacts;
  /** The group of that name; undefined when there is none. */
  readonly group: (name: string) => LoadedLayer | undefined;
}

/**
 * The overlay of one folder. The built-in files come before the groups, so that manifests override them; the host name
 * is given up for any manifest that touches it, since a second line in /etc/hostname would name nothing.
 */
export function compileFolder(
  folder: MachineFolder,
  machine: LoadedLayer,
  { base, site, group }: Ingredients,
  credentials: Credentials,
): Compiled {
  const parts = [...folder.groups.flatMap(({ name }) => group(name) ?? []), machine];
  const own = parts.map(part => part.layer);
  const identity = isMachine(folder.owner)
    ? [machineLayer(site, { id: folder.owner, folder: folder.folder, credentials })]
    : [];
  const named = own.some(layer => layer.items.some(item => item.target === HOSTNAME_PATH));
  const builtIn = [
    siteLayer(site),
    ...identity.map(layer => (named ? without(layer, HOSTNAME_PATH) : layer)),
  ];
  const compiled = compile([base.layer, ...builtIn, ...own], [base, ...parts]);
  return { ...compiled, problems: [...folder.problems, ...compiled.problems] };
}

/** The overlay of machines that nobody has described: it holds no secret. */
export function compileBuiltIn(base: LoadedLayer, site: SiteFacts): Compiled {
  return compile([base.layer, siteLayer(site)], [base]);
}

function compile(layers: readonly Layer[], parts: readonly LoadedLayer[]): Compiled {
  const plan = planOverlay(layers);
  return { layers, plan, problems: [...parts.flatMap(part => part.problems), ...plan.problems] };
}

export function isMachine(owner: MachineFolder['owner']): owner is MachineId {
  return owner !== undefined && owner !== 'default';
}
