// Removes build output of our own packages only (never below node_modules).
import { readdirSync, rmSync } from 'node:fs';

for (const name of readdirSync('packages')) {
  rmSync(`packages/${name}/dist`, { recursive: true, force: true });
  rmSync(`packages/${name}/dist-test`, { recursive: true, force: true });
}
rmSync('e2e/dist-test', { recursive: true, force: true });
rmSync('tools/dist-test', { recursive: true, force: true });
