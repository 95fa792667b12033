// The health check of a member of the replica set, which also makes the set: run in the member by mongosh. It is healthy
// when it is a primary or secondary that lets the server's user in. MEMBERS names all of them, the first one initiates.

const fs = require('fs');
const secret = name => fs.readFileSync((process.env.SECRETS || '/secrets') + '/' + name, 'utf8').trim();
const admin = db.getSiblingDB('admin');

function signIn(user) {
  try {
    return admin.auth(user, secret(user + '-password')).ok === 1;
  } catch (e) {
    return false; // there is no such user yet
  }
}

// users makes the two users. Until there is one, whoever is on the same machine may make the first one.
function users() {
  if (!signIn('administrator')) {
    admin.createUser({user: 'administrator', pwd: secret('administrator-password'), roles: ['root']});
    signIn('administrator');
  }
  admin.createUser({user: 'firewarden', pwd: secret('firewarden-password'), roles: [{role: 'readWrite', db: 'firewarden'}]});
}

const members = process.env.MEMBERS.split(',');
let hello = admin.runCommand({hello: 1});
if (!hello.setName && process.env.MEMBER === members[0]) {
  admin.runCommand({replSetInitiate: {_id: 'rs0', members: members.map((host, _id) => ({_id, host}))}});
  hello = admin.runCommand({hello: 1});
}
let healthy = (hello.isWritablePrimary || hello.secondary) && signIn('firewarden');
if (!healthy && hello.isWritablePrimary) {
  users();
  healthy = signIn('firewarden');
}
quit(healthy ? 0 : 1);
