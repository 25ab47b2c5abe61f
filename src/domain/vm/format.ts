import type { Engine, Workload } from '../workload/workload.ts';
import type { Draft, ImportOptions } from './draft.ts';
import type { Carriage, Rendering } from './exchange.ts';
import type { Machine } from './machine.ts';

/** What a configuration needs to know of the place where the other program will read it. */
export interface ExportSettings {
  /** Folder of minimega at run time, and its namespace (FW-24). */
  readonly base: string;
  readonly namespace: string;
  /** Name of the image store of FIREWHEEL. */
  readonly images: string;
  /** Program of FIREWHEEL that talks to guest agents. */
  readonly handler: string;
  readonly sha1: (bytes: Uint8Array) => Uint8Array;
}

/** As the documents have them. */
export const EXPORT_DEFAULTS: Omit<ExportSettings, 'sha1'> = {
  base: '/tmp/minimega',
  namespace: 'firewheel',
  images: 'images',
  handler: '/opt/firewheel/src/firewheel/vm_resource_manager/vm_resource_handler.py',
};

/** Why a workload cannot be had in a format: a key, and what it should be. */
export interface Refusal {
  readonly key: string;
  readonly expected: string;
}

/** A way to write a workload down for another program. */
export interface ExportFormat {
  /** For --help and the docs: a noun. */
  readonly about: string;
  /** The engine whose limits the workload must keep; `any`: what the format cannot carry is told as a loss. */
  readonly engine: Engine | 'any';
  readonly carriage: Carriage;
  /** What stands against this format beside the limits of an engine. */
  readonly refuse?: (workload: Workload) => readonly Refusal[];
  readonly render: (machine: Machine, settings: ExportSettings) => Rendering;
}

/** A foreign configuration that can become a workload file. Never throws. */
export interface ImportFormat {
  readonly about: string;
  readonly read: (text: string, options: ImportOptions) => Draft;
}
