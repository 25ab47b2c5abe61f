/** On a node; every workload that was started has a folder of its uuid's name in it (MH-30). */
export const WORKLOADS_FOLDER = '/tmp/pxen';

/** What lies in the state folder of a workload. */
export const STATE_FILES = {
  /** The machine protocol of the engine. */
  qmp: 'qmp.sock',
  /** QEMU's monitor for people. */
  monitor: 'monitor.sock',
  /** The serial console, where `runtime.console.type` is serial-socket (MH-28). */
  serial: 'serial.sock',
  /** The channel of the guest agent, where `runtime.qga` is 1. */
  qga: 'qga.sock',
  /** All that the guest wrote to its serial port. */
  serialLog: 'serial.log',
  /** Of an engine whose serial port is its standard input: the pipe that this is. */
  serialIn: 'serial.in',
  /** What the engine said, and the problems of a configuration that was refused (MH-3). */
  log: 'output.log',
  pid: 'pid',
  /** The domain of libvirt. */
  domain: 'domain.xml',
  /** The command line, one argument a line. */
  argv: 'argv',
  /** The workload with its defaults filled in. */
  workload: 'resolved.json',
  /** How the engine ended. */
  exit: 'exit',
  /** Which files of its volumes it placed itself. */
  volumes: 'volumes.json',
  /** Which PCI devices it has, and whose they were before. */
  devices: 'devices.json',
  /** Held by whoever changes the workload. */
  lock: 'lock',
} as const;
