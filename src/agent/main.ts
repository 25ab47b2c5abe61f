import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { asPxenError, messageOf, PxenError } from '../base/error.ts';
import { VERSION } from '../base/version.ts';
import type { Kvm } from '../domain/node/facts.ts';
import { MARK_PATH, parseMark } from '../domain/overlay/mark.ts';
import { systemClock } from '../io/clock.ts';
import { exec } from '../io/exec.ts';
import { sha256 } from '../io/sha256.ts';
import { NodeAgent } from './agent.ts';
import { type AgentConfig, parseAgentConfig } from './config.ts';
import { gatherFacts, gatherLoad } from './facts/gather.ts';
import type { Addresses } from './facts/network.ts';
import { reportSender } from './host0.ts';
import { findIdentity, type Identity } from './identity.ts';
import { probeQemu } from './probe.ts';
import type { NodeState } from './report.ts';
import { treeUnder } from './tree.ts';

/** `node agent.mjs [--root DIR]`: reads /etc/pxen/agent.json, /proc and /sys under the root, which is `/` on a node. */
function main(): void {
  try {
    const { values } = parseArgs({ options: { root: { type: 'string', default: '/' } } });
    run(values.root);
  } catch (thrown) {
    const error = asPxenError(thrown);
    for (const line of [`${error.code}: ${error.message}`, ...error.details]) say(line);
    process.exitCode = 2;
  }
}

function run(root: string): void {
  const config = readConfig(join(root, '/etc/pxen/agent.json'));
  const tree = treeUnder(root);
  let found: { qemu: string | undefined; kvm: Kvm } = { qemu: undefined, kvm: { state: 'unknown' } };
  const state = (identity: Identity): NodeState => ({
    identity,
    bootId: tree.text('/proc/sys/kernel/random/boot_id') ?? 'unknown',
    facts: gatherFacts(tree, {
      addresses: addresses(),
      nodeVersion: process.version,
      agentVersion: VERSION,
      ...found,
    }),
    load: gatherLoad(tree),
    sshHostKey: tree.text('/etc/ssh/ssh_host_ed25519_key.pub'),
    overlay: parseMark(tree.text(MARK_PATH) ?? ''),
  });
  const agent = new NodeAgent(
    {
      clock: systemClock,
      random: Math.random,
      send: reportSender(config.host0, config.token),
      identity: () => findIdentity(tree, sha256),
      state,
      probe: async signal => {
        found = await probeQemu(tree, exec, signal);
      },
      say,
    },
    { host0: config.host0, id: config.id, interval: config.interval },
  );
  endOnSignals(agent);
  agent.start();
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

function endOnSignals(agent: NodeAgent): void {
  const end = async (): Promise<void> => {
    await agent.stop();
    process.exit(0);
  };
  process.on('SIGTERM', () => void end());
  process.on('SIGINT', () => void end());
}

function addresses(): Addresses {
  const interfaces = Object.entries(networkInterfaces());
  return new Map(interfaces.map(([name, list = []]) => [name, list.flatMap(entry => entry.cidr ?? [])]));
}

function say(line: string): void {
  process.stdout.write(`pxen-agent: ${line}\n`);
}

main();
