import { formatBytes } from '../../base/bytes.ts';
import { several } from '../../base/diagnostic.ts';
import { coscheduleLimit, mayJoin } from './coschedule.ts';
import { deviceCounts, type HardwareProfile } from './profile.ts';
import type { PlacementRules } from './rules.ts';
import type { HostView, PlacementRequest } from './snapshot.ts';

/** Why a host cannot be, whatever runs on it and however small the VM is: realm, state, engine, architecture, bridges. */
export function unsuitable(
  rules: PlacementRules,
  request: PlacementRequest,
  host: HostView,
): string | undefined {
  const profile = rules.profiles.get(host.profile);
  if (request.node !== undefined && request.node !== host.name) return `${request.node} is named`;
  if (!profile || !rules.costFunctions.has(profile.costFunction))
    return host.away ?? `its profile ${host.profile} is not known`;
  return wrongState(request, host) ?? wrongRealm(rules, request, host) ?? wrongNode(request, host);
}

function wrongState({ node, stays }: PlacementRequest, { away, state }: HostView): string | undefined {
  if (state === 'disabled') return 'disabled';
  if (state === 'no-scheduling' && stays !== true) return 'no-scheduling: it takes no new VMs';
  return node === undefined ? away : undefined;
}

function wrongRealm(
  rules: PlacementRules,
  { node, realm, stays }: PlacementRequest,
  host: HostView,
): string | undefined {
  // A node that is named wins over the realm (checklist 5.1).
  if (realm !== undefined && node === undefined && host.realm !== realm) return `not in realm ${realm}`;
  if (host.realm === undefined) return undefined;
  const own = rules.realms.get(host.realm);
  if (!own) return `its realm ${host.realm} is not known`;
  return own.disabled && stays !== true ? `its realm ${host.realm} is disabled` : undefined;
}

function wrongNode({ engine, arch, bridges = [] }: PlacementRequest, { node }: HostView): string | undefined {
  if (engine !== undefined && node?.engines && !node.engines.includes(engine)) return `no engine ${engine}`;
  if (arch !== undefined && node?.arch !== undefined && node.arch !== arch)
    return `${node.arch}, not ${arch}`;
  const missing = bridges.filter(bridge => node?.bridges && !node.bridges.includes(bridge));
  return missing.length > 0 ? `no bridge ${missing.join(', ')}` : undefined;
}

/** The biggest single VM that a host can run. Sums may go beyond, as far as the cost function lets them (checklist TC-32). */
export function biggestVm(
  { node }: HostView,
  { cores, memory }: HardwareProfile,
): { readonly vcpus: number; readonly memory: number } {
  return {
    vcpus: Math.min(cores, node?.threads ?? Infinity),
    memory: Math.min(memory, node?.memAvailable ?? Infinity),
  };
}

/** Why a suitable host has no room: size, devices in use, and coschedule both ways. */
export function withoutRoom(
  request: PlacementRequest,
  host: HostView,
  profile: HardwareProfile,
): string | undefined {
  return tooBig(request, host, profile) ?? noDevice(request, host, profile) ?? crowded(request, host);
}

function tooBig(request: PlacementRequest, host: HostView, profile: HardwareProfile): string | undefined {
  const most = biggestVm(host, profile);
  if (request.vcpus > most.vcpus) return `${several(request.vcpus, 'vCPU')} do not fit: it has ${most.vcpus}`;
  if (request.memory <= most.memory) return undefined;
  return `${formatBytes(request.memory)} of memory do not fit: it has ${formatBytes(most.memory)}`;
}

/** More than the profile lists there never is, whatever the cost function says (checklist TC-31). */
function noDevice(request: PlacementRequest, host: HostView, profile: HardwareProfile): string | undefined {
  const listed = deviceCounts(profile.devices);
  for (const [type, count] of request.devices) {
    const all = listed.get(type) ?? 0;
    const free = Math.max(0, all - (host.usage.devices.get(type) ?? 0));
    if (count > free) return `${count} ${type} asked for, ${free} of ${all} free`;
  }
  return undefined;
}

function crowded(
  { coschedule }: PlacementRequest,
  { usage: { vms }, coschedule: values }: HostView,
): string | undefined {
  const limit = coscheduleLimit(values);
  if (mayJoin(vms, limit, coschedule)) return undefined;
  if (vms + 1 > limit)
    return `a VM there has coschedule ${limit - 1}, and ${several(vms, 'VM')} already there`;
  return `coschedule ${coschedule} of the VM, and ${several(vms, 'VM')} already there`;
}
