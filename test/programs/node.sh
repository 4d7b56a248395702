#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Node: JSON, buffers, compression, hashes and file streams, in the main thread and in workers.
set -euo pipefail

binaries() { realpath /usr/bin/node; }

probe() { "$(realpath /usr/bin/node)" -e 0; }

prepare() {
    cat >"$INPUT/work.js" <<'END_OF_JS'
'use strict';
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const crypto = require('crypto');
const fs = require('fs');
const { pipeline } = require('stream/promises');
const zlib = require('zlib');

const hash = data => crypto.createHash('sha256').update(data).digest('hex');

function makeRecords(seed, count) {
    let state = seed;
    const random = limit => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) % limit;
    return Array.from({ length: count }, (_, id) => ({
        id,
        name: 'name '.repeat(random(9)) + random(1e6),
        values: Array.from({ length: random(20) }, () => random(1e9) / 8),
        nested: { tags: new Array(random(5)).fill('tag ' + random(100)), empty: null },
    }));
}

function useText(seed) {
    let text = JSON.stringify(makeRecords(seed, 8000));
    for (let round = 0; round < 3; round++) text = JSON.stringify(JSON.parse(text));
    const packed = [zlib.gzipSync(text), zlib.deflateRawSync(text, { level: 9 }), zlib.brotliCompressSync(text,
        { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } })];
    const unpacked = [zlib.gunzipSync(packed[0]), zlib.inflateRawSync(packed[1]), zlib.brotliDecompressSync(packed[2])];
    const words = new Map();
    for (const word of text.match(/\w+/g)) words.set(word, (words.get(word) ?? 0) + 1);
    const sorted = [...words].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    return [...packed, ...unpacked, JSON.stringify(sorted)].map(hash);
}

function useBuffers(seed) {
    const kept = new Array(500);
    const sum = crypto.createHash('md5');
    for (let i = 0; i < 30000; i++) {
        const buffer = Buffer.allocUnsafeSlow(1 + (i * seed) % 9000).fill(i & 255);
        kept[(i * 7) % kept.length] = buffer;
        if (i % 100 === 0) sum.update(Buffer.concat(kept.filter(Boolean).slice(0, 20)));
    }
    return sum.digest('hex');
}

async function useFiles(seed) {
    const path = `file.${seed}`;
    fs.writeFileSync(path, Buffer.alloc(8 << 20, `contents ${seed} `));
    await pipeline(fs.createReadStream(path), zlib.createGzip(), fs.createWriteStream(path + '.gz'));
    await pipeline(fs.createReadStream(path + '.gz'), zlib.createGunzip(), fs.createWriteStream(path + '.back'));
    const key = await new Promise((resolve, reject) =>
        crypto.pbkdf2('word', 'salt', 20000, 64, 'sha512', (error, key) => (error ? reject(error) : resolve(key))));
    return [hash(fs.readFileSync(path + '.back')), key.toString('hex')];
}

const use = async seed => JSON.stringify([useText(seed), useBuffers(seed), await useFiles(seed)]);

async function main() {
    console.log(await use(1));
    for (let round = 0; round < 3; round++) {
        const answers = [2, 3, 4, 5].map(seed => new Promise((resolve, reject) => {
            const worker = new Worker(__filename, { workerData: seed });
            worker.on('message', resolve);
            worker.on('error', reject);
        }));
        console.log((await Promise.all(answers)).join('\n'));
    }
}

if (isMainThread) main();
else use(workerData).then(answer => parentPort.postMessage(answer));
END_OF_JS
}

work() {
    node "$INPUT/work.js"
}

"$@"
