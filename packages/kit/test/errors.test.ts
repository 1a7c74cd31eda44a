// Coded errors and what is said of anything thrown.
import { expect, it } from 'vitest';
import { CodedError, errorMessage, systemErrorCode } from '../src/errors.js';

class FileError extends CodedError<'E_FILE_GONE'> {}

it('a coded error carries its code, facts, cause and the name of its class', () => {
  const cause = new Error('ENOENT');

  const error = new FileError('E_FILE_GONE', 'no file', { cause, details: { path: '/a' } });

  expect(error).toMatchObject({ name: 'FileError', code: 'E_FILE_GONE', details: { path: '/a' } });
  expect(error.cause).toBe(cause);
  expect(error).toBeInstanceOf(Error);
});

it('an error without a cause does not claim to have one', () => {
  expect(Object.hasOwn(new FileError('E_FILE_GONE', 'x'), 'cause')).toBe(false);
});

it('gives the code of system errors only when it is a text', () => {
  const refused = Object.assign(new Error('x'), { code: 'ECONNREFUSED' });
  const odd = Object.assign(new Error('x'), { code: 7 });

  const codes = [refused, odd, new Error('x'), 'ECONNREFUSED', undefined].map(systemErrorCode);

  expect(codes).toEqual(['ECONNREFUSED', undefined, undefined, undefined, undefined]);
});

it('says why a dial failed that tried several addresses of a name', () => {
  const parts = [
    new Error('connect ECONNREFUSED ::1:1'),
    new Error('connect ECONNREFUSED 127.0.0.1:1'),
  ];

  const message = errorMessage(new AggregateError(parts));

  expect(message).toBe('connect ECONNREFUSED ::1:1, connect ECONNREFUSED 127.0.0.1:1');
});

it('never says nothing, whatever was thrown', () => {
  const said = [new TypeError(), new Error('why'), 'text', 7, undefined].map(errorMessage);

  expect(said).toEqual(['TypeError', 'why', 'text', '7', 'undefined']);
});
