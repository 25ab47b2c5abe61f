import type { Ipv4 } from '../base/ipv4.ts';
import type { Refusal, ServedFile, ServedFiles } from '../base/served.ts';
import { scriptRequestFromName } from '../domain/boot/scriptrequest.ts';
import type { BootScripts } from '../service/scripts.ts';

/** Boot scripts as files: TFTP knows nothing but names. */
export class ScriptFiles implements ServedFiles {
  readonly #scripts: BootScripts;

  constructor(scripts: BootScripts) {
    this.#scripts = scripts;
  }

  async open(name: string, peer?: Ipv4): Promise<ServedFile | Refusal> {
    const request = scriptRequestFromName(name);
    if (request === null) return { reason: 'missing', text: `${name}: no boot script` };
    return fileOf(new TextEncoder().encode(await this.#scripts.answer(request, peer)));
  }
}

/** No version: the script is for the one machine that asked. */
function fileOf(content: Uint8Array): ServedFile {
  return {
    size: content.length,
    mtimeMs: 0,
    async readInto(buffer, offset) {
      const part = content.subarray(offset, offset + buffer.length);
      buffer.set(part);
      return part.length;
    },
    async close() {},
  };
}
