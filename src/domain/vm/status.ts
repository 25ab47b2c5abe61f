import type { Sha256 } from '../machine/genid.ts';
import { nicMac } from '../workload/mac.ts';
import type {
  ConsoleStatus,
  DeviceStatus,
  Ending,
  GuestStatus,
  Takes,
  Usage,
  WorkloadState,
  WorkloadStatus,
} from '../workload/status.ts';
import type { Workload } from '../workload/workload.ts';
import type { Machine, MachineConsole } from './machine.ts';
import { STATE_FILES } from './statefiles.ts';

/** What is known of a virtual machine besides what it was made of. */
export interface Present {
  readonly state: WorkloadState;
  readonly since: number;
  readonly pid: number | undefined;
  readonly usage: Usage | undefined;
  readonly guest?: GuestStatus | undefined;
  readonly guestMemory?: number | undefined;
  /** Of each volume, bytes. */
  readonly sizes: ReadonlyMap<number, number>;
  readonly end: Ending | undefined;
  readonly problem: string | undefined;
}

/** What a report may carry, see api/workload-status.ts. */
const MAX_PROBLEM = 512;
const MOST_PARTS = 64;

export function statusOf(machine: Machine, present: Present): WorkloadStatus {
  const { workload } = machine;
  const { end, guest, guestMemory, pid, problem, since, sizes, state, usage } = present;
  return {
    name: workload.name,
    uuid: workload.uuid,
    state,
    since,
    engine: workload.engine,
    accel: machine.accel,
    pid,
    console: consoleStatus(machine.console, machine.folder),
    volumes: machine.volumes.slice(0, MOST_PARTS).map(({ ephemeral, id, path }) => ({
      id,
      path,
      ephemeral,
      bytes: sizes.get(id),
    })),
    nics: machine.nics
      .slice(0, MOST_PARTS)
      .map(({ bridge, id, mac, qos, tap }) => ({ id, mac, bridge, tap, qos })),
    takes: takesOf(workload),
    devices: devicesOf(machine),
    guest,
    guestMemory,
    usage,
    end,
    problem: problem?.slice(0, MAX_PROBLEM),
  };
}

/** A file that could not be read says nothing of what its machine takes. */
function takesOf({ cpu, memory, placement }: Workload): Takes | undefined {
  if (memory.bytes === 0) return undefined;
  return {
    vcpus: cpu.threads,
    memory: memory.bytes,
    coschedule: placement.coschedule,
    group: placement.group,
  };
}

function devicesOf({ devices }: Machine): DeviceStatus[] | undefined {
  const given = devices?.flatMap(({ address, id, type }) =>
    address === undefined ? [] : { id, type, address },
  );
  return given && given.length > 0 ? given.slice(0, MOST_PARTS) : undefined;
}

function consoleStatus(console: MachineConsole, folder: string): ConsoleStatus {
  if (console.type === 'serial-socket')
    return { type: console.type, path: `${folder}/${STATE_FILES.serial}` };
  return { type: console.type, port: console.port };
}

/** Of a workload whose files are still being fetched: what of it depends on the node is not decided yet. */
export function startingStatus(workload: Workload, since: number, sha256: Sha256): WorkloadStatus {
  return {
    name: workload.name,
    uuid: workload.uuid,
    state: 'starting',
    since,
    engine: workload.engine,
    console: { type: workload.console.type },
    volumes: workload.volumes
      .slice(0, MOST_PARTS)
      .map(({ ephemeral, id, path }) => ({ id, path, ephemeral })),
    nics: workload.nics.slice(0, MOST_PARTS).map(nic => ({
      id: nic.id,
      mac: nicMac(workload.uuid, nic, sha256),
      bridge: nic.bridge,
    })),
    takes: takesOf(workload),
  };
}
