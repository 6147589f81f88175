import { useState } from "preact/hooks";
import type { Member } from "@roomcast/sdk";
import { useApp } from "../../app_context.ts";
import { explain } from "../../error_text.ts";
import { cleanName, isolated } from "../../safe_names.ts";
import type { RoomEntry } from "../../room_list.ts";
import { matching } from "../../room_search.ts";
import { Avatar } from "../avatar.tsx";
import { NextPage } from "../next_page.tsx";
import { OptionText, Combobox } from "../combobox.tsx";
import { usePagedList } from "../use_paged_list.ts";
import { Confirmation } from "./confirmation.tsx";
import { Dialog } from "./dialog.tsx";

/** Members per page. */
const PAGE = 100;

/** Make another member the owner of a room: choose the person, then confirm. */
export function TransferRoom({ entry, onClose }: { entry: RoomEntry; onClose: () => void }) {
  const { client, self, note } = useApp();
  const [text, setText] = useState("");
  const [heir, setHeir] = useState<Member | null>(null);
  const list = usePagedList(() => client.admin(entry.id).members(), PAGE, [client, entry.id]);
  const others = list.items.filter(({ user }) => user !== self.user);
  const titled = others.map((member) => ({ member, title: cleanName(member.name, member.user) }));
  if (heir) {
    const name = isolated(cleanName(heir.name, heir.user));
    const transfer = async () => {
      await client.admin(entry.id).transfer(heir.user);
      note(`${name} owns ${isolated(entry.title)} now`);
    };
    return (
      <Confirmation
        title={`Make ${name} the owner?`}
        text="You become an admin. Only the new owner can give the room back to you."
        keep="Keep it"
        action="Transfer"
        run={transfer}
        explain={explain}
        onClose={onClose}
      />
    );
  }
  return (
    <Dialog title="Transfer ownership" onClose={onClose}>
      <Combobox
        id="heir"
        label="New owner"
        text={text}
        onText={setText}
        options={matching(titled, text).map(({ member, title }) => ({
          key: member.user,
          content: (
            <>
              <Avatar user={member.user} name={title} />
              <OptionText title={title} about={member.user} />
            </>
          ),
          onPick: () => setHeir(member),
        }))}
        empty={list.isLoading ? "" : "No other member has this name. Invite the person first."}
      />
      <NextPage list={list} />
    </Dialog>
  );
}
