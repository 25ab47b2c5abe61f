import { existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { asPxenError, messageOf, PxenError } from '../base/error.ts';
import { VERSION } from '../base/version.ts';
import { MARK_PATH, parseMark } from '../domain/overlay/mark.ts';
import { WORKLOADS_FOLDER } from '../domain/vm/statefiles.ts';
import { systemClock } from '../io/clock.ts';
import { exec } from '../io/exec.ts';
import { sha256 } from '../io/sha256.ts';
import { NodeAgent } from './agent.ts';
import { type AgentConfig, parseAgentConfig } from './config.ts';
import { gatherFacts, gatherLoad } from './facts/gather.ts';
import type { Addresses } from './facts/network.ts';
import { reportSender } from './host0.ts';
import type { Hypervisor } from './hypervisor.ts';
import { findIdentity, type Identity } from './identity.ts';
import { Probe, probeQemu } from './probe.ts';
import type { NodeState } from './report.ts';
import { type Tree, treeUnder } from './tree.ts';

/** `node agent.mjs [--root DIR]`: reads /etc/pxen/agent.json, /proc and /sys under the root, which is `/` on a node. */
async function main(): Promise<void> {
  try {
    const { values } = parseArgs({ options: { root: { type: 'string', default: '/' } } });
    await run(values.root);
  } catch (thrown) {
    const error = asPxenError(thrown);
    for (const line of [`${error.code}: ${error.message}`, ...error.details]) say(line);
    process.exitCode = 2;
  }
}

/** Milliseconds: by then the first report is on its way, even where everything is emulated. */
const HYPERVISOR_DELAY = 150;

async function run(root: string): Promise<void> {
  const config = readConfig(join(root, '/etc/pxen/agent.json'));
  const tree = treeUnder(root);
  const ending = new AbortController();
  const probe = new Probe(() => probeQemu(tree, exec, ending.signal));
  let hypervisor: Hypervisor | undefined;
  const agent = new NodeAgent(
    {
      clock: systemClock,
      random: Math.random,
      send: reportSender(config.host0, config.token),
      identity: () => findIdentity(tree, sha256),
      state: identity => stateOf(tree, identity, probe, hypervisor),
      probe: async () => {
        await probe.result();
        hypervisor?.warmUp();
      },
      say,
    },
    { host0: config.host0, id: config.id, interval: config.interval },
  );
  const bringUp = async (): Promise<void> => {
    const changed = (): void => agent.hurry();
    // Half of the agent's code, and a tenth of a second on a slow machine.
    const { Hypervisor } = await import('./hypervisor.ts');
    hypervisor = new Hypervisor({ root, tree, probe, signal: ending.signal, changed, say });
    if (!ending.signal.aborted) hypervisor.start();
  };
  endOnSignals(async () => {
    ending.abort();
    await Promise.all([agent.stop(), hypervisor?.stop()]);
  });
  // What an earlier agent started belongs into the first report. On a node that has just booted there is nothing yet.
  if (existsSync(join(root, WORKLOADS_FOLDER))) await bringUp();
  else systemClock.after(HYPERVISOR_DELAY, () => void bringUp().catch(thrown => say(messageOf(thrown))));
  agent.start();
}

function stateOf(
  tree: Tree,
  identity: Identity,
  { found }: Probe,
  hypervisor: Hypervisor | undefined,
): NodeState {
  const around = {
    addresses: addresses(),
    nodeVersion: process.version,
    agentVersion: VERSION,
    engines: hypervisor?.engines(),
    ...found,
  };
  return {
    identity,
    bootId: tree.text('/proc/sys/kernel/random/boot_id') ?? 'unknown',
    facts: gatherFacts(tree, around),
    load: gatherLoad(tree),
    sshHostKey: tree.text('/etc/ssh/ssh_host_ed25519_key.pub'),
    overlay: parseMark(tree.text(MARK_PATH) ?? ''),
    workloads: hypervisor?.statuses() ?? [],
  };
}

function readConfig(path: string): AgentConfig {
  try {
    return parseAgentConfig(readFileSync(path, 'utf8'), path);
  } catch (error) {
    if (error instanceof PxenError) throw error;
    throw new PxenError('AGENT_CONFIG', `${path}: ${messageOf(error)}; the overlay brings this file`, {
      cause: error,
    });
  }
}

function endOnSignals(stop: () => Promise<void>): void {
  const end = (): void => void stop().finally(() => process.exit(0));
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
}

function addresses(): Addresses {
  const interfaces = Object.entries(networkInterfaces());
  return new Map(interfaces.map(([name, list = []]) => [name, list.flatMap(entry => entry.cidr ?? [])]));
}

function say(line: string): void {
  process.stdout.write(`pxen-agent: ${line}\n`);
}

await main();
