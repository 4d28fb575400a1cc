import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, expect, it } from 'vitest';
import { anyFreePort, choosePort } from './ports.ts';

describe('choosing a port', () => {
  it('takes the next free one, unless the port was asked for', async () => {
    const port = await anyFreePort();
    const listener = createServer().listen(port, '127.0.0.1');
    await once(listener, 'listening');
    const wish = { variable: 'SWITCHYARD_PORT', port, host: '127.0.0.1' };
    expect(await choosePort({ ...wish, explicit: false }, [])).toBeGreaterThan(port);
    await expect(choosePort({ ...wish, explicit: true }, [])).rejects.toMatchObject({
      code: 'port_taken',
      hint: expect.stringContaining('SWITCHYARD_PORT'),
    });
    listener.close();
    await once(listener, 'close');
    expect(await choosePort({ ...wish, explicit: true }, [])).toBe(port);
    expect(await choosePort({ ...wish, explicit: false }, [port])).toBeGreaterThan(port);
  });
});
