import type { Clock } from '../../base/ports.ts';
import type { Launch } from '../../domain/vm/launch.ts';
import type { Exec } from '../../io/exec.ts';
import type { StateFolder } from '../workload/folder.ts';
import type { Processes } from '../workload/processes.ts';
import type { Driver } from './driver.ts';
import { ProcessDriver } from './process-driver.ts';
import type { ConnectMonitor } from './qmp-control.ts';
import { VirshDriver } from './virsh-driver.ts';

export interface DriverPorts {
  /** `/` on a node. */
  readonly root: string;
  readonly clock: Clock;
  readonly processes: Processes;
  readonly connect: ConnectMonitor;
  readonly exec: Exec;
}

/** A machine, as its driver sees it. */
export interface Driven {
  /** The engine, as sentences call it. */
  readonly called: string;
  readonly folder: StateFolder;
}

/** The one that runs this machine. */
export function driverOf(launch: Launch, driven: Driven, ports: DriverPorts): Driver {
  switch (launch.by) {
    case 'process':
      return new ProcessDriver(launch, driven, ports);
    case 'virsh':
      return new VirshDriver(launch, driven, ports);
  }
}
