"""Keep inboxes up to date: clients see the new messages in all their rooms without joining the rooms.

    room_append.lua --room id--> activity:XX --> InboxService: read the room's lines for the local clients that
                                                 follow the room (one script), and send `inbox` events

The cost of a message does not grow with the number of absent users who have the room on their lists, because the script
only publishes the room's id, at most once a second. `followed_rooms` records which clients follow which rooms,
`schedule` decides when to read a room, and `service` reads lines and sends events.
"""
