import type { Launcher } from '../launch.ts';
import { STATE_FILES } from '../statefiles.ts';
import { complaintOf } from './complaint.ts';
import { STRATOVIRT, stratovirtArgv } from './words.ts';

/**
 * SV-15, SV-16, SV-27. Its version 0.2.0 reads all that has arrived on its api-channel as one command, and its board has
 * no power button.
 */
export const STRATOVIRT_LAUNCHER: Launcher = {
  called: 'StratoVirt',
  programs: [STRATOVIRT],
  mark: ({ folder }) => ({ program: STRATOVIRT, word: `${folder}/${STATE_FILES.qmp}` }),
  launch: machine => ({
    by: 'process',
    argv: stratovirtArgv(machine),
    powerButton: 'StratoVirt has no power button',
    serial: 'stdio',
    qmp: { pipelining: false, blockStats: false },
  }),
  complaint: complaintOf,
};
