import type { Engine } from '../workload/workload.ts';
import type { ExportFormat, ImportFormat } from './format.ts';
import { LIBVIRT_EXPORTS } from './libvirt/formats.ts';
import { MINIMEGA_EXPORTS, MINIMEGA_IMPORTS } from './minimega/formats.ts';
import { QEMU_EXPORTS } from './qemu/formats.ts';
import { STRATOVIRT_EXPORTS, STRATOVIRT_IMPORTS } from './stratovirt/formats.ts';

/** What a workload can be written as: every engine's folder brings its own formats. */
export const EXPORT_FORMATS: Readonly<Record<ExportName, ExportFormat>> = {
  ...QEMU_EXPORTS,
  ...STRATOVIRT_EXPORTS,
  ...LIBVIRT_EXPORTS,
  ...MINIMEGA_EXPORTS,
};
export type ExportName =
  | keyof typeof QEMU_EXPORTS
  | keyof typeof STRATOVIRT_EXPORTS
  | keyof typeof LIBVIRT_EXPORTS
  | keyof typeof MINIMEGA_EXPORTS;
export const EXPORT_NAMES = Object.keys(EXPORT_FORMATS) as ExportName[];

/** The format in which an engine itself is started: its first one. */
export function formatOf(engine: Engine): ExportName {
  const name = EXPORT_NAMES.find(each => EXPORT_FORMATS[each].engine === engine);
  if (name === undefined) throw new Error(`no format starts ${engine}`);
  return name;
}

/** What a workload file can be made of. */
export const IMPORT_FORMATS = {
  ...STRATOVIRT_IMPORTS,
  ...MINIMEGA_IMPORTS,
} as const satisfies Record<string, ImportFormat>;
export type ImportName = keyof typeof IMPORT_FORMATS;
export const IMPORT_NAMES = Object.keys(IMPORT_FORMATS) as ImportName[];
