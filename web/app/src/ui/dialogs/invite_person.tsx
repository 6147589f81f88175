import { useState } from "preact/hooks";
import { RoomcastError, type RoomId } from "@roomcast/sdk";
import { useApp } from "../../app_context.ts";
import { explain } from "../../error_text.ts";
import { cleanName, isolated } from "../../safe_names.ts";
import { peopleFor, type Person } from "../../people_search.ts";
import { Avatar } from "../avatar.tsx";
import { OptionText, Combobox } from "../combobox.tsx";
import { usePeople } from "../use_people_search.ts";
import { Dialog } from "./dialog.tsx";

/** The most people to offer. */
const OFFERED = 8;

/** A dialog to find a person by name and invite that person to a private room. The gateway refuses unknown user ids. */
export function InvitePerson({ room, onClose }: { room: RoomId; onClose: () => void }) {
  const { client, rooms, details, note } = useApp();
  const [text, setText] = useState("");
  const [error, setError] = useState<string | null>(null);
  const found = usePeople(text, OFFERED);

  const invite = async ({ user, name }: Person) => {
    setError(null);
    try {
      await client.admin(room).invite(user);
      details.membersChanged(room);
      note(`${isolated(cleanName(name, user))} was invited`);
      onClose();
    } catch (thrown) {
      const isUnknown = RoomcastError.from(thrown).reason === "not_found";
      setError(isUnknown ? `No person with the id “${user}” has been here so far.` : explain(thrown));
    }
  };
  const options = peopleFor(text, rooms.people(), found, OFFERED).map((person) => ({
    key: person.user,
    content: (
      <>
        <Avatar user={person.user} name={person.name} />
        <OptionText title={cleanName(person.name, person.user)} about={person.user} />
      </>
    ),
    onPick: () => void invite(person),
  }));
  return (
    <Dialog title="Invite" onClose={onClose}>
      <Combobox
        id="invite-people"
        label="Name or user id"
        text={text}
        onText={setText}
        options={options}
        empty={text.trim() ? "No person here has this name." : "Type the beginning of a name."}
      />
      <p class="form-error" role="alert" data-testid="invite-error">
        {error}
      </p>
    </Dialog>
  );
}
