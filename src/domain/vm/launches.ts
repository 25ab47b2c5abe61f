import { AGENT_ENGINES, type Engine } from './capabilities.ts';
import type { Launcher } from './launch.ts';
import { LIBVIRT_LAUNCHER } from './libvirt/launch.ts';
import { QEMU_LAUNCHER } from './qemu/launch.ts';
import { STRATOVIRT_LAUNCHER } from './stratovirt/launch.ts';

/** The engines that an agent can run: every engine's folder brings its own launcher. */
export const LAUNCHERS: Readonly<Partial<Record<Engine, Launcher>>> = {
  qemu: QEMU_LAUNCHER,
  microvm: QEMU_LAUNCHER,
  stratovirt: STRATOVIRT_LAUNCHER,
  libvirt: LIBVIRT_LAUNCHER,
};

/** Of an engine of AGENT_ENGINES: each of them has one, see test/engines.test.ts. */
export function launcherOf(engine: Engine): Launcher {
  const launcher = LAUNCHERS[engine];
  if (!launcher) throw new Error(`no launcher starts ${engine}`);
  return launcher;
}

/** Those of AGENT_ENGINES whose programs a node has. */
export function installedEngines(hasProgram: (name: string) => boolean): Engine[] {
  return AGENT_ENGINES.filter(engine => launcherOf(engine).programs.every(name => hasProgram(name)));
}
