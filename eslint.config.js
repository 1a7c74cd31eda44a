// House rules that need the type checker or the syntax tree; what a plain walk over the files can
// check is in tools/tidy.test.ts.
import tseslint from 'typescript-eslint';

const timeAndChance = [
  { object: 'Date', property: 'now', message: 'Take a Clock (kit/clock.ts).' },
  { object: 'Math', property: 'random', message: 'Take a Prng (kit/prng.ts).' },
  { object: 'process', property: 'argv', message: 'Only main.ts reads argv.' },
  { object: 'process', property: 'env', message: 'Only main.ts reads the environment.' },
  { object: 'process', property: 'exit', message: 'Only main.ts ends the process.' },
];
const timers = ['setTimeout', 'setInterval'].map((name) => ({
  name,
  message: 'Take a Clock (kit/clock.ts).',
}));

export default tseslint.config(
  { ignores: ['**/dist/**', '**/dist-test/**', '**/node_modules/**', '.nx/**', '**/coverage/**'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ['vitest.config.ts'] } },
    },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/consistent-type-definitions': 'off',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
        { selector: 'ExportAllDeclaration', message: 'List the exported names.' },
        { selector: 'TSEnumDeclaration', message: 'Use a union of literals.' },
      ],
    },
  },
  {
    files: ['packages/*/src/**/*.ts'],
    ignores: [
      '**/main.ts',
      '**/*-main.ts',
      'packages/kit/src/clock.ts',
      'packages/kit/src/prng.ts',
    ],
    rules: {
      'no-restricted-properties': ['error', ...timeAndChance],
      'no-restricted-globals': ['error', ...timers],
    },
  },
  {
    files: ['packages/raft/src/**/*.ts', 'packages/store/src/**/*.ts'],
    rules: {
      'no-restricted-imports': ['error', { patterns: ['node:*', '@corral/*'] }],
    },
  },
  { files: ['vitest.config.ts'], rules: { 'no-restricted-syntax': 'off' } },
  {
    files: ['**/test/**/*.ts', 'e2e/**/*.ts', 'tools/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
);
