import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../base/error.ts';
import { AGENT_ENGINES, type Engine } from '../../domain/vm/capabilities.ts';
import { launcherOf } from '../../domain/vm/launches.ts';
import { rfcUuid } from '../../domain/workload/rfcuuid.ts';
import { folderWord } from '../../domain/workload/values.ts';
import { type StateFolder, stateFolders } from './folder.ts';
import { lostWorkload, type Places, parseSaved, type Saved } from './saved.ts';
import { type MachinePorts, VirtualMachine } from './virtual-machine.ts';

export interface FindPorts extends MachinePorts {
  readonly root: string;
  readonly sha1: (bytes: Uint8Array) => Uint8Array;
}

/** Whether it may be the uuid of a workload, and so the name of a folder (MH-5). */
export function isUuid(word: string): boolean {
  return 'value' in folderWord(word);
}

/** The virtual machines that an earlier agent started, living or dead, by what their folders hold. Changes nothing. */
export function findMachines(ports: FindPorts): VirtualMachine[] {
  const strange = (path: string): void => ports.say(`${path}: does not belong there`);
  try {
    return stateFolders(ports.root, isUuid, strange).flatMap(folder => {
      const machine = findIn(folder, ports);
      return machine ? [machine] : [];
    });
  } catch (thrown) {
    ports.say(`workloads of an earlier agent cannot be looked for: ${messageOf(thrown)}`);
    return [];
  }
}

/** Undefined when there is no more than the output of a start that failed. */
function findIn(folder: StateFolder, ports: FindPorts): VirtualMachine | undefined {
  const text = readOr(folder, 'workload', undefined);
  const places: Places = { folder: folder.path, at: path => join(ports.root, path) };
  const saved: Saved | string = text === undefined ? 'is not there' : parseSaved(text, folder.uuid, places);
  const living = livingProcess(folder, saved, ports);
  const wasSpawned = ['pid', 'exit'].some(file => existsSync(join(folder.path, file)));
  if (text === undefined && !living && !wasSpawned) return undefined;
  const machine =
    typeof saved === 'string'
      ? damaged(saved, folder, places, living?.engine, ports)
      : new VirtualMachine(saved, folder, ports);
  if (living) machine.found(living.pid);
  else machine.foundDead(timeOf(folder.at('exit')) ?? ports.clock.now(), !wasSpawned);
  return machine;
}

function damaged(
  damage: string,
  folder: StateFolder,
  places: Places,
  engine: Engine | undefined,
  ports: FindPorts,
): VirtualMachine {
  const text = `${folder.at('workload')}: ${damage}; stop the workload to clear it away`;
  ports.say(text);
  const startedAt = timeOf(folder.path) ?? ports.clock.now();
  const lost = lostWorkload({ uuid: folder.uuid, engine, startedAt, sha1: ports.sha1 }, places);
  return new VirtualMachine(lost, folder, ports, text);
}

interface Living {
  readonly pid: number;
  readonly engine: Engine;
}

/** Whose file is lost may be of any engine. */
function livingProcess(folder: StateFolder, saved: Saved | string, ports: FindPorts): Living | undefined {
  if (typeof saved !== 'string')
    return livingOf(saved.machine.workload.engine, saved.machine.rfcUuid, folder, ports);
  for (const engine of AGENT_ENGINES) {
    const living = livingOf(engine, rfcUuid(folder.uuid, ports.sha1), folder, ports);
    if (living) return living;
  }
  return undefined;
}

/** A pid file may be old, and its number another process by now. */
function livingOf(
  engine: Engine,
  rfcUuid: string,
  folder: StateFolder,
  { processes }: FindPorts,
): Living | undefined {
  const mark = launcherOf(engine).mark({ folder: folder.path, rfcUuid });
  const told = Number(readOr(folder, 'pid', ''));
  const pid = told > 0 && processes.bears(told, mark) ? told : processes.find(mark);
  return pid === undefined ? undefined : { pid, engine };
}

/** What cannot be read is as good as not there; the machine behind it must still be found. */
function readOr<T>(folder: StateFolder, file: 'pid' | 'workload', otherwise: T): string | T {
  try {
    return folder.read(file) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function timeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}
