// Results for programs: one JSON object on one line, or the same as YAML.
import type { Context } from '../context.js';

/** The YAML library is loaded here and nowhere else. */
export async function printObject(
  { streams }: Pick<Context, 'streams'>,
  form: 'json' | 'yaml',
  value: unknown,
): Promise<void> {
  if (form === 'json') {
    streams.stdout(`${JSON.stringify(value)}\n`);
    return;
  }
  const { stringify } = await import('yaml');
  streams.stdout(stringify(value));
}
