import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProcessMark } from '../../domain/vm/launch.ts';
import { LIBVIRT_LAUNCHER, type VirshLaunch } from '../../domain/vm/libvirt/launch.ts';
import type { DomainSight } from '../../domain/vm/libvirt/look.ts';
import { DOMAIN, isNoDomain } from '../../domain/vm/libvirt/virsh.ts';
import { delay } from '../workload/waiting.ts';
import type { Autopsy, Connecting, Control, Driver, Launched } from './driver.ts';
import type { Driven, DriverPorts } from './drivers.ts';
import type { GuestCommands } from './guest-channel.ts';
import { sentence, Virsh } from './virsh.ts';
import { VirshControl } from './virsh-control.ts';
import { VirshGuest } from './virsh-guest.ts';

/** Milliseconds between two looks whether the process is there, or is gone. */
const LOOK_EVERY = 100;
const LONGEST_PAUSE = 2000;
const PID_LOOKS = 50;
/** libvirtd sees the end of QEMU in its monitor. */
const AUTOPSY_LOOKS = 50;
const LAST_LINES = 20;

/** Runs a machine as a domain of the libvirt on this node. Only domains with the workload in their metadata are touched. */
export class VirshDriver implements Driver {
  readonly #launch: VirshLaunch;
  readonly #driven: Driven;
  readonly #ports: DriverPorts;
  readonly #virsh: Virsh;

  constructor(launch: VirshLaunch, driven: Driven, ports: DriverPorts) {
    this.#launch = launch;
    this.#driven = driven;
    this.#ports = ports;
    this.#virsh = new Virsh(ports.exec);
  }

  async launch(): Promise<Launched> {
    const { domain } = this.#launch;
    const old = await this.#virsh.look(domain);
    if (old) await this.#clear(old);
    await this.#virsh.must(DOMAIN.defineFile(this.#driven.folder.at('domain')));
    try {
      await this.#virsh.must(this.#launch.argv);
      return this.#launched(await this.#pid());
    } catch (thrown) {
      await this.#keepWords();
      await this.#virsh.run(DOMAIN.destroy(domain, false));
      await this.forget();
      throw thrown;
    }
  }

  async connect({ onChange }: Connecting): Promise<Control> {
    const { domain } = this.#launch;
    // It answers, or says why not.
    await this.#virsh.must(DOMAIN.state(domain));
    const { clock, processes } = this.#ports;
    const pid = processes.find(this.#mark) ?? 0;
    const isAlive = (): boolean => processes.bears(pid, this.#mark);
    const control = new VirshControl({ virsh: this.#virsh, domain, clock, isAlive, onChange });
    control.watch();
    return control;
  }

  async autopsy(): Promise<Autopsy> {
    const reason = await this.#reason();
    await this.#keepWords();
    return { reason };
  }

  async forget(): Promise<void> {
    const { domain } = this.#launch;
    const sight = await this.#virsh.look(domain);
    if (!sight || !this.#isOurs(sight)) return;
    const run = await this.#virsh.run(DOMAIN.undefine(domain));
    if (run.exitCode !== 0 && !isNoDomain(run.stderr)) throw new Error(sentence(run));
  }

  guest(): GuestCommands {
    const { domain, name } = this.#launch;
    return new VirshGuest({ domain, name, virsh: this.#virsh });
  }

  /** As soon as libvirt knows it, too. */
  async #reason(): Promise<string | undefined> {
    for (let looks = 0; looks < AUTOPSY_LOOKS; looks++) {
      const life = await this.#virsh.look(this.#launch.domain).then(
        sight => sight?.life,
        () => undefined,
      );
      if (life?.state !== 'running' && life?.state !== 'paused') return life?.end;
      await delay(this.#ports.clock, LOOK_EVERY);
    }
    return undefined;
  }

  async #clear(old: DomainSight): Promise<void> {
    const { domain } = this.#launch;
    if (!this.#isOurs(old))
      throw new Error(`libvirt has a domain ${domain} that is not of this workload; it is left alone`);
    if (old.life.state !== 'ended') throw new Error(`its domain ${domain} runs already`);
    await this.#virsh.must(DOMAIN.undefine(domain));
  }

  get #mark(): ProcessMark {
    return LIBVIRT_LAUNCHER.mark({ rfcUuid: this.#launch.domain, folder: this.#driven.folder.path });
  }

  #isOurs({ mark }: DomainSight): boolean {
    return mark?.workload === this.#launch.workload;
  }

  async #pid(): Promise<number> {
    const { clock, processes } = this.#ports;
    for (let looks = 0; looks < PID_LOOKS; looks++) {
      const pid = processes.find(this.#mark);
      if (pid !== undefined) return pid;
      await delay(clock, LOOK_EVERY);
    }
    throw new Error('QEMU ended at once');
  }

  #launched(pid: number): Launched {
    const { processes } = this.#ports;
    return { pid, ended: this.#ended(pid), kill: () => processes.kill(pid) };
  }

  async #ended(pid: number): Promise<void> {
    const { clock, processes } = this.#ports;
    // Most starts that fail do so at once; whatever runs after that is looked after elsewhere, too.
    for (let pause = LOOK_EVERY; processes.bears(pid, this.#mark); pause = Math.min(2 * pause, LONGEST_PAUSE))
      await delay(clock, pause);
  }

  /** What QEMU said is in a log of libvirt; its end belongs to the workload's own. Never rejects. */
  async #keepWords(): Promise<void> {
    const path = join(this.#ports.root, 'var/log/libvirt/qemu', `${this.#launch.name}.log`);
    const { stdout } = await this.#virsh.run(['tail', '-n', `${LAST_LINES}`, '--', path]);
    // Without them the reason is told all the same.
    await appendFile(this.#driven.folder.at('log'), stdout).catch(() => {});
  }
}
