import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../base/error.ts';
import { folderWord } from '../../domain/workload/values.ts';
import { type StateFolder, stateFolders } from './folder.ts';
import { lostWorkload, type Places, parseSaved, type Saved } from './saved.ts';
import { type MachinePorts, VirtualMachine } from './virtual-machine.ts';

export interface FindPorts extends MachinePorts {
  readonly root: string;
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
  const pid = livingPid(folder, ports);
  const wasSpawned = ['pid', 'exit'].some(file => existsSync(join(folder.path, file)));
  if (text === undefined && pid === undefined && !wasSpawned) return undefined;
  const machine = machineOf(text, folder, ports);
  if (pid === undefined) machine.foundDead(timeOf(folder.at('exit')) ?? ports.clock.now(), !wasSpawned);
  else machine.found(pid);
  return machine;
}

function machineOf(text: string | undefined, folder: StateFolder, ports: FindPorts): VirtualMachine {
  const places: Places = { folder: folder.path, at: path => join(ports.root, path) };
  const saved: Saved | string = text === undefined ? 'is not there' : parseSaved(text, folder.uuid, places);
  if (typeof saved !== 'string') return new VirtualMachine(saved, folder, ports);
  const damage = `${folder.at('workload')}: ${saved}; stop the workload to clear it away`;
  ports.say(damage);
  const startedAt = timeOf(folder.path) ?? ports.clock.now();
  return new VirtualMachine(lostWorkload(folder.uuid, startedAt, places), folder, ports, damage);
}

/** A pid file may be old, and its number another process by now. */
function livingPid(folder: StateFolder, { processes }: FindPorts): number | undefined {
  const socket = folder.at('qmp');
  const pid = Number(readOr(folder, 'pid', ''));
  if (pid > 0 && processes.isQemu(pid, socket)) return pid;
  return processes.findQemu(socket);
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
