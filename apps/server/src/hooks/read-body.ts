import express, { type Request, type Response } from 'express';

/** The body as it came, unpacked from gzip, deflate or br, up to so many bytes unpacked. Throws what express says: 413, 415, 400. */
export function readBody(request: Request, response: Response, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    express.raw({ type: () => true, limit })(request, response, (error?: unknown) => {
      if (error !== undefined) return reject(error);
      const body: unknown = request.body;
      resolve(Buffer.isBuffer(body) ? body : Buffer.alloc(0));
    });
  });
}
