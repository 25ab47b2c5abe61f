import { parseManifest } from '../../src/domain/manifest/parse.ts';
import type { Layer, LayerItem } from '../../src/domain/overlay/layer.ts';

/** What a layer of the tests holds at a SRC path. */
export function contentOf(source: string): Uint8Array {
  return new TextEncoder().encode(`<${source}>\n`);
}

/** A layer from manifest text; every SRC exists and holds its own name. */
export function layerOf(
  name: string,
  manifest: string,
  options: { shared?: boolean; packages?: string[] } = {},
): Layer {
  const { actions, problems } = parseManifest(manifest, name);
  if (problems.length > 0) throw new Error(`the manifest of the test is wrong: ${JSON.stringify(problems)}`);
  const items = actions.map((action): LayerItem => {
    if (action.action !== 'O' && action.action !== 'A') return action as LayerItem;
    const { source, ...item } = action;
    return { ...item, content: contentOf(source) } as LayerItem;
  });
  const packages = (options.packages ?? []).map((name, i) => ({
    name,
    origin: { file: 'packages', line: i + 1 },
  }));
  return { name, items, packages, shared: options.shared ?? false };
}
