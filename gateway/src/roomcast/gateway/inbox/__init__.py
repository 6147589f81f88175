"""The inbox: a user's rooms with what is new in them, live, without joining them.

    room_append.lua --room id--> activity:XX --> InboxService: read the room's lines for the local clients that
                                                 follow the room (one script), and send `inbox` events

A message costs the same however many absent users have its room on their lists: the script publishes the room's id, at
most once a second. `followed_rooms` holds which clients follow which rooms, `schedule` decides when to read a room,
`service` reads lines and sends events.
"""
