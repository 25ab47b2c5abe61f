import type { DraftProblem } from '../draft.ts';
import type { Note } from '../exchange.ts';
import type { ExportFormat, ImportFormat } from '../format.ts';
import { JSON_CARRIAGE, stratovirtConfig, stratovirtNotes, WORDS_CARRIAGE } from './config.ts';
import { stratovirtDraft } from './draft.ts';
import { readStratovirtJson } from './read-json.ts';
import { readStratovirtWords } from './read-words.ts';
import { channelWords, STRATOVIRT, stratovirtArgv } from './words.ts';

export const STRATOVIRT_EXPORTS: Readonly<Record<'stratovirt-cli' | 'stratovirt-json', ExportFormat>> = {
  'stratovirt-cli': {
    about: 'the command line of StratoVirt',
    engine: 'stratovirt',
    carriage: WORDS_CARRIAGE,
    render: machine => ({ argv: stratovirtArgv(machine), notes: stratovirtNotes(machine, WORDS_CARRIAGE) }),
  },
  'stratovirt-json': {
    about: 'the JSON file of stratovirt -config',
    engine: 'stratovirt',
    carriage: JSON_CARRIAGE,
    render: machine => ({
      text: `${JSON.stringify(stratovirtConfig(machine), null, 2)}\n`,
      notes: [
        ...stratovirtNotes(machine, JSON_CARRIAGE),
        // SV-24, SV-25.
        {
          key: 'command',
          text: `save it under a name with json in it: ${STRATOVIRT} -config ${machine.workload.uuid}.json ${channelWords(machine).join(' ')}`,
        },
      ],
    }),
  },
};

export const STRATOVIRT_IMPORTS: Readonly<Record<'stratovirt-cli' | 'stratovirt-json', ImportFormat>> = {
  'stratovirt-cli': {
    about: 'a command line of StratoVirt',
    read: (text, options) => {
      const [problems, notes]: [DraftProblem[], Note[]] = [[], []];
      const config = readStratovirtWords(text, problems, notes);
      const draft = config && stratovirtDraft(config, options);
      return withMore(draft, problems, notes);
    },
  },
  'stratovirt-json': {
    about: 'a JSON file of stratovirt -config',
    read: (text, options) => {
      const problems: DraftProblem[] = [];
      const config = readStratovirtJson(text, problems);
      return withMore(config && stratovirtDraft(config, options), problems, []);
    },
  },
};

function withMore(
  draft: ReturnType<typeof stratovirtDraft> | undefined,
  problems: readonly DraftProblem[],
  notes: readonly Note[],
): ReturnType<ImportFormat['read']> {
  if (!draft) return { settings: [], problems, notes, homes: {} };
  return { ...draft, problems: [...problems, ...draft.problems], notes: [...notes, ...draft.notes] };
}
