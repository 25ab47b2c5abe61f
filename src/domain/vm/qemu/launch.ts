import type { Launcher } from '../launch.ts';
import { STATE_FILES } from '../statefiles.ts';
import { QEMU, qemuArgv } from './argv.ts';
import { complaintOf } from './complaint.ts';
import { swapOf } from './swap.ts';

export const QEMU_LAUNCHER: Launcher = {
  called: 'QEMU',
  programs: [QEMU],
  mark: ({ folder }) => ({ program: 'qemu', word: `${folder}/${STATE_FILES.qmp}` }),
  launch: machine => ({
    by: 'process',
    argv: qemuArgv(machine),
    powerButton: true,
    serial: 'served',
    qmp: { pipelining: true, blockStats: true },
  }),
  swap: swapOf,
  complaint: complaintOf,
};
