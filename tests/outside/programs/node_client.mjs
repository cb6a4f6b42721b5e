// Node's own clients against tests/apps/clients_app.py, over HTTP/2 and HTTP/1.1: URL [CERTIFICATE].
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import * as http from 'node:http';
import * as http2 from 'node:http2';
import * as https from 'node:https';

const [url, certificate] = process.argv.slice(2);
const trusted = certificate ? { ca: readFileSync(certificate) } : {};
const body = Buffer.alloc(2_000_000, 'node');

async function whole(stream) {
    const pieces = [];
    for await (const piece of stream) pieces.push(piece);
    return Buffer.concat(pieces);
}

async function overHttp2() {
    const session = http2.connect(url, trusted);
    const ask = async (fields, sent) => {
        const stream = session.request(fields, { endStream: sent === undefined });
        if (sent !== undefined) stream.end(sent);
        const [head] = await once(stream, 'response');
        return [head[':status'], await whole(stream)];
    };
    const sizes = Array.from({ length: 100 }, (_, number) => number * 700);
    const answers = await Promise.all(sizes.map(size => ask({ ':path': `/bytes/${size}` })));
    answers.forEach(([status, got], place) => assert.deepEqual([status, got.length], [200, sizes[place]]));
    const [status, echoed] = await ask({ ':path': '/echo', ':method': 'POST' }, body);
    assert.equal(status, 200);
    assert.ok(echoed.equals(body));
    await new Promise((resolve, reject) => session.ping(fault => (fault ? reject(fault) : resolve())));
    session.close();
    await once(session, 'close');
}

async function overHttp1() {
    const request = (certificate ? https : http).request(`${url}/echo`, { method: 'POST', ...trusted });
    request.end(body);
    const [answer] = await once(request, 'response');
    assert.equal(answer.statusCode, 200);
    assert.ok((await whole(answer)).equals(body));
}

await overHttp2();
await overHttp1();
