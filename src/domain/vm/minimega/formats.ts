import type { ExportFormat, ImportFormat } from '../format.ts';
import {
  appendRefusals,
  DICTIONARY_CARRIAGE,
  minimegaNotes,
  refusals,
  SCRIPT_CARRIAGE,
  tagRefusals,
} from './carriage.ts';
import { dictionary, imageNotes } from './dictionary.ts';
import { minimegaDraft } from './import.ts';
import { minimegaScript, scriptNotes } from './script.ts';

export const MINIMEGA_EXPORTS: Readonly<Record<'minimega' | 'minimega-script', ExportFormat>> = {
  minimega: {
    about: 'the dictionary of FIREWHEEL for minimega',
    engine: 'any',
    carriage: DICTIONARY_CARRIAGE,
    refuse: workload => [...refusals(workload), ...tagRefusals(workload), ...appendRefusals(workload)],
    render: (machine, settings) => ({
      text: `${JSON.stringify(dictionary(machine, settings), null, 4)}\n`,
      notes: [
        ...minimegaNotes(machine.workload, DICTIONARY_CARRIAGE, machine.rfcUuid),
        ...imageNotes(machine.workload, settings),
      ],
    }),
  },
  'minimega-script': {
    about: 'the commands of minimega',
    engine: 'any',
    carriage: SCRIPT_CARRIAGE,
    refuse: refusals,
    render: machine => ({
      text: minimegaScript(machine),
      notes: [
        ...minimegaNotes(machine.workload, SCRIPT_CARRIAGE, machine.rfcUuid),
        ...scriptNotes(machine.workload),
      ],
    }),
  },
};

export const MINIMEGA_IMPORTS: Readonly<Record<'minimega', ImportFormat>> = {
  minimega: { about: 'a dictionary of FIREWHEEL', read: minimegaDraft },
};
