// Show the README's components to one user, in StrictMode. Parameters in the address: `?name=Ada&room=a&friend=bob`.
import { StrictMode, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { RoomcastProvider, useConnection, useMessages } from "@roomcast/react";
import { Attach, Composer, Friends, Inbox, People, Status, Timeline } from "./readme";

const parameters = new URLSearchParams(location.search);
/** The user of the room cache (`&kept=ada` in the address); without the parameter there is no room cache. */
const keptUser = parameters.get("kept");
const kept = keptUser ? { roomCache: { user: keptUser, maxRooms: 2 } } : {};
const friends = parameters.getAll("friend");

async function token(): Promise<string> {
  const answer = await fetch("/dev/login", { method: "POST", body: JSON.stringify({ name: parameters.get("name") }) });
  return ((await answer.json()) as { token: string }).token;
}

/** Use only messages, and show how often this component was rendered. */
function Count({ room }: { room: string }) {
  const renders = useRef(0);
  const { messages, stale } = useMessages(room);
  const files = messages.filter((one) => one.media).length;
  renders.current += 1;
  return (
    <output data-testid="count" data-renders={renders.current} data-files={files} data-stale={stale}>
      {messages.length}
    </output>
  );
}

function Leave({ onLeft }: { onLeft: () => void }) {
  const { signOut } = useConnection();
  return <button onClick={() => void signOut().then(onLeft)}>Forget me</button>;
}

function Writer({ room }: { room: string }) {
  const { send } = useMessages(room);
  const submit = (form: FormData) => void send({ text: String(form.get("text")) });
  return (
    <form action={submit}>
      <input name="text" aria-label="Message" />
    </form>
  );
}

function Room({ room }: { room: string }) {
  return (
    <section data-testid="room" data-room={room}>
      <People room={room} />
      <Timeline room={room} />
      <Count room={room} />
      <Composer room={room} />
      <Attach room={room} />
      <Writer room={room} />
    </section>
  );
}

function App() {
  const [isSignedIn, setSignedIn] = useState(true);
  const [room, setRoom] = useState<string | null>(parameters.get("room"));
  return (
    <>
      <button onClick={() => setSignedIn(!isSignedIn)}>{isSignedIn ? "Sign out" : "Sign in"}</button>
      <button onClick={() => setRoom(room ? null : parameters.get("room"))}>{room ? "Hide" : "Show"}</button>
      {isSignedIn && (
        <RoomcastProvider url={location.origin} token={token} deviceKind="browser" {...kept}>
          <Status />
          <Leave onLeft={() => setSignedIn(false)} />
          <Friends users={friends} />
          {parameters.has("inbox") && <Inbox open={setRoom} />}
          {room && <Room room={room} />}
        </RoomcastProvider>
      )}
    </>
  );
}

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
