"use client";

import { useEffect, useState } from "react";
import { RoomcastProvider } from "@roomcast/react";
import { chatToken, type Me, whoAmI } from "./backend";
import { Desk } from "./desk";
import { SignIn } from "./sign_in";

/** The page: the sign-in form, or the desk, whose components share one connection. */
export function Helpdesk() {
  const [me, setMe] = useState<Me | null>();
  useEffect(() => void whoAmI().then(setMe, () => setMe(null)), []);
  if (me === undefined) return <p className="wait">Loading…</p>;
  if (me === null) return <SignIn onSignedIn={setMe} />;
  return (
    <RoomcastProvider key={me.id} url={me.chatUrl} token={chatToken}>
      <Desk me={me} onSignedOut={() => setMe(null)} />
    </RoomcastProvider>
  );
}
