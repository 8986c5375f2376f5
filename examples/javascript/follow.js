// Follow the events of all jobs over NATS, and go on after the last one that was seen.
//
//   npm install --no-package-lock
//   node follow.js [FILE]         NATS_URL says where NATS is; FILE keeps the last sequence
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { DeliverPolicy, jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";

const file = process.argv[2] ?? "last-sequence";
const seen = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;

const url = new URL(process.env.NATS_URL ?? "nats://127.0.0.1:4222");
const connection = await connect({
  servers: url.host,
  user: url.username || undefined,
  pass: url.password || undefined,
  maxReconnectAttempts: -1,
});

// Without a name of its own the consumer is an ordered one: it notices a gap, and begins again where it was.
const consumer = await jetstream(connection).consumers.get("JOBS", {
  deliver_policy: DeliverPolicy.StartSequence,
  opt_start_seq: seen + 1,
});
for await (const message of await consumer.consume()) {
  const event = message.json();
  console.log(message.seq, event.type, event.job_id);
  // Last, so that an event is rather told twice than never.
  writeFileSync(file, String(message.seq));
}
