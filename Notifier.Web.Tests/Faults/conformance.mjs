// Cases after Autobahn's, by a client that shares no code with Notifier, against a host that sends back what it gets. Anywhere:
//   npm install ws && node conformance.mjs ws://127.0.0.1:9001
// The numbers are those of Autobahn's groups. What is forbidden is in Rfc6455Tests.
import WebSocket from 'ws'

const url = process.argv[2] ?? 'ws://127.0.0.1:9001'
const failed = []
let passed = 0

const open = () => new Promise((resolve, reject) => {
  const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 1 << 28 })
  socket.setMaxListeners(0)
  socket.on('open', () => resolve(socket))
  socket.on('error', reject)
})

const message = socket => new Promise((resolve, reject) => {
  socket.once('message', (data, isBinary) => resolve({ data, isBinary }))
  socket.once('close', code => reject(new Error(`closed with ${code}`)))
})

const event = (socket, name) => new Promise(resolve => socket.once(name, resolve))

const expect = (seen, wanted) => {
  if (Buffer.compare(Buffer.from(seen), Buffer.from(wanted)) !== 0) throw new Error('it came back as something else')
}

async function check(name, run) {
  const socket = await open()
  try {
    const limit = new Promise((_, reject) => setTimeout(() => reject(new Error('no answer in 60 s')), 60_000).unref())
    await Promise.race([run(socket), limit])
    passed++
  } catch (error) {
    failed.push(`${name}: ${error.message}`)
  }
  socket.terminate()
}

async function echo(socket, sent, binary, send = () => socket.send(sent, { binary })) {
  const back = message(socket)
  send()
  const { data, isBinary } = await back
  if (isBinary !== binary) throw new Error('it came back as the other kind')
  expect(data, sent)
}

function sendInFragments(socket, sent, binary, size) {
  for (let at = 0; at < sent.length; at += size) {
    socket.send(sent.subarray(at, at + size), { binary, fin: at + size >= sent.length })
  }
}

for (const binary of [false, true]) {
  const kind = binary ? 'binary' : 'text'
  const filler = binary ? 0xfe : 0x2a
  for (const length of [0, 1, 125, 126, 127, 128, 65535, 65536, 1 << 18, 1 << 20, 1 << 22, 1 << 23, 1 << 24]) {
    await check(`1, 9: ${kind} of ${length} bytes`, socket => echo(socket, Buffer.alloc(length, filler), binary))
  }
  for (const size of [64, 256, 1024, 4096, 16384, 65536]) {
    const sent = Buffer.alloc(1 << 22, filler)
    await check(`9.3, 9.4: 4 MiB of ${kind} in fragments of ${size}`, socket => echo(socket, sent, binary, () => sendInFragments(socket, sent, binary, size)))
  }
}

for (const payload of [Buffer.alloc(0), Buffer.from([0xfe]), Buffer.alloc(125, 0xfe)]) {
  await check(`2: a ping of ${payload.length} bytes`, async socket => {
    const pong = event(socket, 'pong')
    socket.ping(payload)
    expect(await pong, payload)
  })
}

await check('2: a pong that nobody asked for', async socket => {
  socket.pong('unasked')
  await echo(socket, Buffer.from('goes on'), false)
})

await check('5: a ping between fragments', async socket => {
  const pong = event(socket, 'pong')
  await echo(socket, Buffer.from('fragment'), false, () => {
    socket.send('frag', { fin: false })
    socket.ping('between')
    socket.send('', { fin: false })
    socket.send('ment', { fin: true })
  })
  expect(await pong, 'between')
})

const text = Buffer.from('Hello-µ@ßöäüàá-UTF-8!! κόσμε 𐀀 \u{10FFFF}')
await check('6: text of all lengths of characters', socket => echo(socket, text, false))
await check('6: the same, split at every byte', socket => echo(socket, text, false, () => sendInFragments(socket, text, false, 1)))

for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]) {
  await check(`7: a close with ${code}`, async socket => {
    const closed = event(socket, 'close')
    socket.close(code, 'a'.repeat(123))
    const answer = await closed
    if (answer !== code) throw new Error(`it was answered with ${answer}`)
  })
}

await check('7: a close without a code', async socket => {
  const closed = event(socket, 'close')
  socket.close()
  const answer = await closed
  if (answer !== 1000 && answer !== 1005) throw new Error(`it was answered with ${answer}`)
})

for (const length of [16, 64, 256, 1024, 4096, 16384]) {
  await check(`9.7, 9.8: a thousand messages of ${length} bytes`, async socket => {
    for (let n = 0; n < 1000; n++) await echo(socket, Buffer.alloc(length, 0x2a), n % 2 > 0)
  })
}

console.log(`${passed} passed, ${failed.length} failed`)
for (const failure of failed) console.log(`  ${failure}`)
process.exit(failed.length > 0 ? 1 : 0)
