// Express + sns-validator + better-sqlite3: verifies each push, keeps it once, and answers 200 when it is on disk.
//
//     node server.js DATABASE CERTIFICATE memory|normal|full
//
// Prints its URL when it listens. The certificate is read from a file where the validator would fetch it: what is
// measured is the work on each push, not a download.
'use strict';

const fs = require('node:fs');
const https = require('node:https');
const { Readable } = require('node:stream');
const Database = require('better-sqlite3');
const express = require('express');
const MessageValidator = require('sns-validator');

const [database, certificate, mode] = process.argv.slice(2);
const pem = fs.readFileSync(certificate, 'utf8');
https.get = (_url, answered) => {
  const response = Readable.from([pem]);
  response.statusCode = 200;
  setImmediate(() => answered(response));
  return { on() { return this; } };
};

const db = new Database(mode === 'memory' ? ':memory:' : database);
db.pragma('journal_mode = WAL');
db.pragma(`synchronous = ${mode === 'full' ? 'FULL' : 'NORMAL'}`);
db.exec('CREATE TABLE notifications (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, type TEXT, body TEXT NOT NULL)');
const keep = db.prepare('INSERT INTO notifications (key, type, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
const validator = new MessageValidator();

const app = express();
app.use(express.text({ type: '*/*', limit: '1mb' }));
app.post('/sns', (request, response) => {
  validator.validate(request.body, (error, message) => {
    if (error) {
      response.status(403).send(error.message);
      return;
    }
    const notification = JSON.parse(message.Message);
    const metadata = notification.NotificationMetadata || notification.notificationMetadata || {};
    const key = metadata.NotificationId || metadata.notificationId || message.MessageId;
    const { changes } = keep.run(key, notification.NotificationType || notification.notificationType, request.body);
    response.send(changes ? 'accepted' : 'duplicate');
  });
});
const server = app.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/sns`);
});
