// One vitest configuration for the whole repository. Every package is a project; sources are
// resolved through the "@corral/source" export condition, so unit tests need no build.
import { readdirSync } from 'node:fs';
import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';

const packages = readdirSync(new URL('./packages', import.meta.url));
const excludedFromSearch = ['**/node_modules/**', '**/dist/**', '**/dist-test/**'];

export default defineConfig({
  ssr: { resolve: { conditions: ['@corral/source', ...defaultServerConditions] } },
  test: {
    reporters: ['default', './tools/closing-line-reporter.js'],
    exclude: excludedFromSearch,
    retry: 0,
    projects: [
      ...packages.map((name) => ({
        extends: true as const,
        test: {
          name,
          root: `packages/${name}`,
          include: ['test/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      })),
      { extends: true, test: { name: 'tools', root: 'tools', include: ['*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'e2e',
          root: 'e2e',
          include: ['scenarios/**/*.test.ts'],
          testTimeout: 90_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
