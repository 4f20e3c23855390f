// One question: a form, the upload straight into the bucket, the answer.

export class SignedOutError extends Error {}

const KINDS = { wav: "wav", flac: "flac", ogg: "ogg", opus: "ogg", mp3: "mpeg", m4a: "mp4", aac: "aac", webm: "webm" };

export async function ask(recording, name, token, tell) {
  tell("Sending the recording …");
  const { id, form, most_bytes: most } = await post("api/uploads", token, { content_type: kindOf(recording, name) });
  if (recording.size > most) {
    throw new Error(`The recording has ${megabytes(recording.size)}; at most ${megabytes(most)} can be sent.`);
  }
  const data = new FormData();
  for (const [field, value] of Object.entries(form.fields)) data.append(field, value);
  data.append("file", recording); // S3 reads no field behind this one
  const sent = await fetch(form.url, { method: "POST", body: data });
  if (!sent.ok) throw new Error("The recording could not be sent. Try again.");
  tell("Listening to it …");
  return post(`api/uploads/${id}/answer`, token);
}

async function post(path, token, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  if (answer.status === 401 || answer.status === 403) throw new SignedOutError("Sign in again: an hour is over.");
  if (answer.status === 429) throw new Error("Too many people ask at the moment. Try again in a minute.");
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.detail ?? "Something broke, which is not your fault. Try again.");
  return told;
}

// Not every browser knows the type of every file; then its name tells.
function kindOf(recording, name) {
  const given = recording.type.split(";")[0];
  return given || `audio/${KINDS[name.split(".").pop().toLowerCase()] ?? "unknown"}`;
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
