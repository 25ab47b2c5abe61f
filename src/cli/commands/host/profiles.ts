import type { Context } from '../../context.ts';
import { profileTable } from '../../output/realm.ts';
import { readInForce } from '../realm/rules.ts';

/** `mesh host profiles`: the kinds of hosts that the files name. */
export async function hostProfiles(
  context: Context,
  { names }: { readonly names: boolean },
): Promise<number> {
  const { json, terminal } = context;
  const rules = await readInForce(context);
  const { profiles } = rules;
  if (json) terminal.json({ profiles });
  else if (names) for (const { id } of profiles) terminal.print(id);
  else if (profiles.length > 0) terminal.print(profileTable(profiles));
  else
    terminal.print(
      'No hardware profile is described: every node has one of its own, made from what it reports. See docs/placement.md.',
    );
  return 0;
}
