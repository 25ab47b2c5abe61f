import * as z from 'zod';
import { macSchema } from '../../api/values.ts';
import { messageOf } from '../../base/error.ts';
import { ENGINES, type Engine } from '../../domain/vm/capabilities.ts';
import { decideEquipment } from '../../domain/vm/equipment.ts';
import { type Machine, type MachineNic, volumesAt } from '../../domain/vm/machine.ts';
import { ACCEL_POLICIES } from '../../domain/workload/facts.ts';
import { parseWorkload } from '../../domain/workload/parse.ts';
import { rfcUuid } from '../../domain/workload/rfcuuid.ts';
import type { Workload } from '../../domain/workload/workload.ts';

/** What a start leaves in resolved.json, so that a later agent finds its virtual machine again. */
export interface Saved {
  /** The file as it came, for a restart without one. */
  readonly config: { readonly file: string; readonly text: string };
  readonly accel: (typeof ACCEL_POLICIES)[number];
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly machine: Machine;
}

const number = z.number().int().nonnegative();

/** The workload itself is read from its file anew: there is one parser. In the JSON it stands for people. */
const schema = z.object({
  config: z.object({ file: z.string(), text: z.string() }),
  accel: z.enum(ACCEL_POLICIES),
  startedAt: z.number(),
  machine: z.object({
    accel: z.enum(['kvm', 'tcg']),
    rfcUuid: z.string(),
    console: z.discriminatedUnion('type', [
      z.object({ type: z.literal('serial-tcp'), port: number }),
      z.object({ type: z.literal('serial-socket') }),
      z.object({ type: z.literal('vnc'), id: number, port: number }),
    ]),
    nics: z.array(
      z.object({
        id: number,
        mac: macSchema,
        type: z.enum(['bridge', 'nat']),
        bridge: z.string().optional(),
        tap: z.string().optional(),
        vhost: z.boolean(),
      }),
    ),
    // Which ones was decided at the start.
    vsock: z.object({ cid: number, alias: z.string().optional() }).optional(),
    devices: z.array(z.object({ id: number, type: z.string(), address: z.string() })).optional(),
  }),
});

export function formatSaved(saved: Saved): string {
  return `${JSON.stringify(saved, null, 2)}\n`;
}

/** Where things of a workload are, as its engine sees them. */
export interface Places {
  readonly folder: string;
  readonly at: (path: string) => string;
}

/** What was saved, or a sentence on what is wrong with it. */
export function parseSaved(text: string, uuid: string, places: Places): Saved | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `is no JSON (${messageOf(error)})`;
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) return `does not have its form (${z.prettifyError(parsed.error).split('\n')[0]})`;
  const { accel, config, machine, startedAt } = parsed.data;
  const { workload } = parseWorkload(config.text, config.file);
  if (workload?.uuid !== uuid) return `holds no workload of the uuid ${uuid}`;
  return {
    config,
    accel,
    startedAt,
    machine: {
      ...decideEquipment({ ...workload, devices: undefined, vsock: undefined }, {}, places),
      ...machine,
      ...withPlaces(workload, places),
      nics: machine.nics.map(nic => ({ ...nic, ...cardOf(workload, nic.id) })),
    },
  };
}

function cardOf({ nics }: Workload, id: number): Pick<MachineNic, 'alias' | 'driver' | 'qos'> {
  const nic = nics.find(each => each.id === id);
  return { alias: nic?.alias, driver: nic?.driver, qos: nic?.qos };
}

function withPlaces(
  workload: Workload,
  { at, folder }: Places,
): Pick<Machine, 'workload' | 'folder' | 'volumes'> {
  return {
    workload,
    folder,
    volumes: volumesAt(workload, at),
  };
}

/** What is still known of it. */
interface Lost {
  readonly uuid: string;
  /** Its process tells. Undefined: there is none any more, and any engine will do. */
  readonly engine: Engine | undefined;
  readonly startedAt: number;
  readonly sha1: (bytes: Uint8Array) => Uint8Array;
}

/** Stands for a workload whose resolved.json cannot be read: enough to see it, to stop it and to clear it away. */
export function lostWorkload({ engine = ENGINES[0], sha1, startedAt, uuid }: Lost, places: Places): Saved {
  const workload: Workload = {
    name: uuid,
    uuid,
    engine,
    memory: { bytes: 0 },
    cpu: { threads: 1, mode: 'host' },
    volumes: [],
    nics: [],
    console: { type: 'serial-socket' },
    autostart: false,
    placement: {},
  };
  return {
    config: { file: '', text: '' },
    accel: 'kvm',
    startedAt,
    machine: {
      ...withPlaces(workload, places),
      accel: 'kvm',
      rfcUuid: rfcUuid(uuid, sha1),
      console: { type: 'serial-socket' },
      nics: [],
    },
  };
}
