// The forms of results, and the options that every command has. No cluster is needed for them.
import { UsageError } from '../render/error.js';

export type CommonOptions = {
  readonly name?: string;
  readonly output?: string;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
};

export type OutputForm = 'table' | 'wide' | 'name' | 'json' | 'yaml';

/** Forms of what lists things; of what does something only the first and the last two. */
export const listForms = ['table', 'wide', 'name', 'json', 'yaml'] as const;
export const resultForms = ['table', 'json', 'yaml'] as const;

/** Throws UsageError that names the known forms. */
export function outputForm(
  { output = 'table' }: CommonOptions,
  forms: readonly OutputForm[] = resultForms,
): OutputForm {
  const known = forms.find((form) => form === output);
  if (known !== undefined) return known;
  throw new UsageError(`-o ${output}: ${forms.join(', ')} are there`, { forms });
}
